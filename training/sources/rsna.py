"""The RSNA 2017 bone age set as downloaded, or any folder of PNGs with a table of labels.

Before it: the folder. After it: `training.split` and `training.cache`.

References
----------
Halabi et al., The RSNA Pediatric Bone Age Machine Learning Challenge, Radiology 2019, doi:10.1148/radiol.2018180736.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from training.cases import DataError
from training.sources.labels import IS_MALE, M_OR_F, Found, Layout, cases, files
from training.sources.png import PngFile
from training.sources.source import Collected

_LAYOUTS = (
    Layout("id", "male", "boneage", IS_MALE),  # training set
    Layout("Image ID", "male", "Bone Age (months)", IS_MALE),  # validation set
    Layout("Case ID", "Sex", "Ground truth bone age (months)", M_OR_F),  # test set
    Layout("file", "sex", "bone_age_months", M_OR_F),  # ours
)


def open_folder(folder: Path) -> Collected:
    """Return the labelled PNGs of a folder.

    Parameters
    ----------
    folder
        With one or several of the set's tables, each beside its folders of ``ID.png``, at any depth; or with a
        ``labels.csv`` of file, sex (M or F) and bone_age_months.

    Returns
    -------
    Collected
        Without a patient_id in the tables, as in the RSNA's, each radiograph is taken for a patient of its own.

    Raises
    ------
    DataError
        Telling all that is wrong.
    """
    pictures = defaultdict[str, list[Path]](list)
    for path in files(folder):
        if path.suffix.lower() == ".png":
            pictures[path.stem].append(path)
    found = cases(folder, _LAYOUTS, partial(_find, pictures))
    return Collected(f"{len(found):,} labelled radiographs in PNG, such as the RSNA 2017 bone age set", tuple(found))


def _find(pictures: Mapping[str, list[Path]], folder: Path, column: str, value: str) -> Found:
    if column == "file":
        name, existing = value, [path for path in (folder / value,) if path.is_file()]
    else:
        name, existing = f"{value}.png", [path for path in pictures.get(value, []) if path.is_relative_to(folder)]
    if len(existing) != 1:
        raise DataError(
            f"there are {len(existing)} files {name}, expected 1" if existing else f"there is no file {name}"
        )
    return Found(PngFile.at(existing[0]))
