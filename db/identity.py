"""Who Carpus is in a DICOM file: what it writes into the header of each file, and knows its own results by again.

A PACS that routes results back must not start a loop: whatever carries this manufacturer or a UID under this root is
never assessed.

References
----------
DICOM PS3.5 section B.2 (UUID derived UID); PS3.10 section 7.1 (file meta information).
"""

MANUFACTURER = "Carpus"
# A random UUID as a decimal, so that the root needs no registration. Objects that Carpus makes add one component.
UID_ROOT = "2.25.98311318323291907678714768088386213574"
IMPLEMENTATION_CLASS_UID = UID_ROOT
IMPLEMENTATION_VERSION_NAME = "CARPUS_01"  # SH, at most 16 characters
