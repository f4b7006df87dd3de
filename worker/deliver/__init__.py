"""Back to the archives: each result as a structured report and as a picture with the Grad-CAM.

:mod:`deliver` is the table of contents of one delivery, from the row to the destination's answer, and :mod:`objects`
that of what is sent: :mod:`result` says what is said and what is withheld, :mod:`source` takes patient and study from
the stored object, :mod:`report` with its :mod:`codes`, and :mod:`picture` drawn on a :mod:`canvas` and wrapped as a
:mod:`secondary_capture`, are the two objects, and :mod:`archive` sends them. Nothing that was made is kept: it follows
from the row and the stored object, under UIDs that do, too (:mod:`uids`), and is the same whenever it is sent again.
"""
