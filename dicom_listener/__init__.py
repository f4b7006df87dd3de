"""The DICOM server: accept, store, register, enqueue, sweep.

Before it stands a modality or PACS that sends radiographs by C-STORE; after it the worker's task ``read``. A sender is
answered Success once its bytes are on disk; row and message follow, at once or when the servers are back.
"""
