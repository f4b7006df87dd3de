"""``python -m dicom_listener``: the DICOM server as a process of its own, until SIGTERM or SIGINT."""

import sys

# What pydicom decodes pixels with, where it is installed. Here nothing is decoded, and they take 30 MB a process.
_DECODERS = ("gdcm", "libjpeg", "numpy", "openjpeg", "PIL", "pylibjpeg")


def main() -> int:
    """Serve until told to stop, without what is not needed for that; return the exit status."""
    sys.modules.update(dict.fromkeys(_DECODERS))  # type: ignore[arg-type]  # None stands for a module that is absent
    from dicom_listener.program import serve

    return serve()


if __name__ == "__main__":
    sys.exit(main())
