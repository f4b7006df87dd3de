"""Storage commitment: a requester asks whether its objects are safe here, and is told later, by a report of its own.

:mod:`request` answers the N-ACTION and :mod:`ledger` keeps it; :mod:`decide` looks what is there; :mod:`report` says it
in DICOM; :mod:`conversations` delivers it by the requester's association, :mod:`call` by one of our own; :mod:`service`
starts and stops both.

References
----------
DICOM PS3.4 Annex J (storage commitment service class, push model).
"""
