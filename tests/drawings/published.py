"""Drawn data folders in the shape in which publishers give theirs: folders, headings and words."""

from collections.abc import Iterable
from itertools import product
from pathlib import Path

from isic_api.vocabulary import CHALLENGE_CLASSES
from tests.drawings import draw_lesion

LESIONS = 5  # of each class
_SEVEN = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
_ELEVEN = ("AKIEC", "BCC", "BEN_OTH", "BKL", "DF", "INF", "MAL_OTH", "MEL", "NV", "SCCKA", "VASC")


def isic_2018(folder: Path) -> Path:
    """Task 3 of the challenge of 2018: two photographs of a lesion, no age or site."""
    truth, groups = [], []
    for name, kind, lesion in _photographs(folder / "ISIC2018_Task3_Training_Input", _SEVEN, 2):
        truth.append(f"{name},{_marks(_SEVEN, kind)}")
        groups.append(f"{name},HAM_{lesion:07d},histopathology")
    start = "ISIC2018_Task3_Training"
    _table(folder / f"{start}_GroundTruth.csv", f"image,{','.join(_SEVEN)}", truth)
    heading = "image,lesion_id,diagnosis_confirm_type"
    _table(folder / f"{start}_LesionGroupings.csv", heading, groups)
    return folder


def isic_2019_test(folder: Path) -> Path:
    """The test part of the challenge of 2019: no lesions, and a class for none of the eight."""
    codes = (*CHALLENGE_CLASSES, "UNK")
    truth, context = [], []
    for name, kind, lesion in _photographs(folder / "ISIC_2019_Test_Input", codes, 1):
        truth.append(f"{name},{_marks(codes, kind)},{float(kind < 8)},0.0")
        site = ("anterior torso", "", "head/neck")[lesion % 3]
        context.append(f"{name},{('45.0', '', '70.0')[lesion % 3]},{site},{_sex(lesion)}")
    heading = f"image,{','.join(codes)},score_weight,validation_weight"
    _table(folder / "ISIC_2019_Test_GroundTruth.csv", heading, truth)
    heading = "image,age_approx,anatom_site_general,sex"
    _table(folder / "ISIC_2019_Test_Metadata.csv", heading, context)
    return folder


def siim_2020(folder: Path) -> Path:
    """SIIM-ISIC 2020: most diagnoses unknown, several lesions of a patient."""
    words = ("melanoma", "nevus", "unknown", "unknown", "seborrheic keratosis", "solar lentigo")
    rows = []
    for name, kind, lesion in _photographs(folder / "train", words, 1):
        melanoma = words[kind] == "melanoma"
        site = ("torso", "lower extremity", "", "palms/soles")[lesion % 4]
        said = f"{words[kind]},{'malignant' if melanoma else 'benign'},{int(melanoma)}"
        rows.append(f"{name},IP_{lesion // 2:07d},{_sex(lesion)},45.0,{site},{said}")
    heading = "image_name,patient_id,sex,age_approx,anatom_site_general_challenge,diagnosis"
    _table(folder / "train.csv", f"{heading},benign_malignant,target", rows)
    return folder


def ham10000(folder: Path) -> Path:
    """HAM10000 of Harvard's Dataverse: one table, two folders of photographs."""
    words = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
    sites = ("back", "trunk", "scalp", "unknown", "lower extremity", "acral", "chest")
    rows = []
    for part in (1, 2):
        images = folder / f"HAM10000_images_part_{part}"
        for name, kind, lesion in _photographs(images, words, 1, start=1000 * part):
            # A lesion has a photograph in each folder.
            context = f"{words[kind]},histo,55.0,{_sex(lesion)},{sites[lesion % 7]}"
            rows.append(f"HAM_{lesion:07d},{name},{context}")
    heading = "lesion_id,image_id,dx,dx_type,age,sex,localization"
    _table(folder / "HAM10000_metadata.csv", heading, rows)
    return folder


def milk10k(folder: Path) -> Path:
    """MILK10k: a folder per lesion, with a close-up and a dermoscopic photograph."""
    truth, context = [], []
    sites = ("head_neck_face", "trunk", "lower_extremity", "hand")
    for number, (kind, _) in enumerate(product(range(len(_ELEVEN)), range(LESIONS))):
        lesion = f"IL_{number:07d}"
        images = folder / "MILK10k_Training_Input" / lesion
        images.mkdir(parents=True)
        truth.append(f"{lesion},{_marks(_ELEVEN, kind)}")
        for place, image_type in enumerate(("clinical: close-up", "dermoscopic")):
            name = f"ISIC_{2 * number + place:07d}"
            draw_lesion(kind % 8, seed=2 * number + place).save(images / f"{name}.jpg")
            person = f"60,{_sex(number)},3,{sites[number % 4]}"
            context.append(f"{lesion},{image_type},{name},MILK study team,CC-BY-NC,,{person},0.1")
    heading = f"lesion_id,{','.join(_ELEVEN)}"
    _table(folder / "MILK10k_Training_GroundTruth.csv", heading, truth)
    heading = "lesion_id,image_type,isic_id,attribution,copyright_license,image_manipulation"
    heading += ",age_approx,sex,skin_tone_class,site,MONET_ulceration_crust"
    _table(folder / "MILK10k_Training_Metadata.csv", heading, context)
    return folder


def _photographs(
    folder: Path, words: tuple[str, ...], views: int, *, start: int = 0
) -> Iterable[tuple[str, int, int]]:
    """Draw so many views of each lesion; gives name, number of the class, number of the lesion."""
    folder.mkdir(parents=True)
    places = product(range(len(words)), range(LESIONS), range(views))
    for number, (kind, lesion, _) in enumerate(places, start):
        name = f"ISIC_{number:07d}"
        draw_lesion(kind % 8, seed=number).save(folder / f"{name}.jpg")
        yield name, kind, kind * LESIONS + lesion


def _marks(codes: tuple[str, ...], kind: int) -> str:
    return ",".join(str(float(kind == number)) for number in range(len(codes)))


def _sex(number: int) -> str:
    return ("male", "female", "", "male")[number % 4]


def _table(file: Path, heading: str, rows: list[str]) -> None:
    file.write_text("\n".join([heading, *rows]) + "\n", encoding="utf-8")
