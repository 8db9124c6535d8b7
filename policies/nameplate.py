"""A policy as an Asset Administration Shell with the submodel AI Model Nameplate (IDTA 02060-1-0-1)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cells.errors import InputError, Problem
from cells.orders.passport.elements import collection, need_basyx, policy_id, prop, reference, submodel, text
from policies.contents import EVALUATION, NETWORK, Read
from policies.entry import Entry, Part
from policies.measured import measured

BASE = "https://admin-shell.io/idta/AIModelNameplate"
SEMANTIC = "https://admin-shell.io/idta/SubmodelTemplate/AIModelNameplate/1/0"


def write_nameplate(read: Read, path: Path) -> None:
    """Write shell and submodel of an entry as JSON. Raises ``InputError`` without basyx, and for a path that can't be
    written."""
    need_basyx()
    from basyx.aas import model
    from basyx.aas.adapter.json.json_serialization import write_aas_json_file

    id_ = policy_id(read.entry.reference)
    plate = nameplate(id_, read)
    asset = model.AssetInformation(model.AssetKind.TYPE, global_asset_id=id_)
    reference_ = model.ModelReference((model.Key(model.KeyTypes.SUBMODEL, plate.id),), model.Submodel)
    shell = model.AssetAdministrationShell(asset, f"{id_}/shell", id_short="Policy", submodel={reference_})
    draft = path.with_name(f".{path.name}.part")
    try:
        with open(draft, "w", encoding="utf-8") as file:
            write_aas_json_file(file, model.DictObjectStore([shell, plate]), indent=1)
        os.replace(draft, path)
    except OSError as error:
        remedy = "choose a folder that can be written to"
        raise InputError(Problem(str(path), f"can't be written ({error.strerror})", remedy)) from None
    finally:
        draft.unlink(missing_ok=True)


def nameplate(id_: str, read: Read) -> Any:
    """The submodel. Who answers for a policy isn't known to its entry: the reference to a contact stays empty."""
    from basyx.aas import model

    entry = read.entry
    learned = entry.kind != "parameters"
    file, framework = (NETWORK, "ONNX, run by onnxruntime") if learned else ("policy.json", "none")
    training = {"Seed": entry.training.seed, "Steps": entry.training.steps, "CpuSeconds": entry.training.cpu_s}
    details = [
        prop("FileExtension", Path(file).suffix, f"{BASE}/Details/DataEnding/1/0"),
        prop("AIFramework", framework, f"{BASE}/Details/AIFramework/1/0"),
        prop("ProgramLanguage", "Python", f"{BASE}/Details/ProgramLanguage/1/0"),
    ]
    elements = [
        prop("URIOfTheProduct", id_, "0112/2///61987#ABN590#002"),
        prop("Version", entry.version, "0173-1#02-AAS354#002"),
        model.ReferenceElement("ContactInformation", semantic_id=reference(f"{BASE}/Contactinformation/1/0")),
        prop("Storage", f"{entry.name}/{entry.version}/{file}", f"{BASE}/Storage/1/0"),
        text("KindOfLearning", f"as told by: {entry.training.command}", f"{BASE}/KindOfLearning/1/0"),
        collection("Inputs", _inputs(entry), f"{BASE}/Inputs/1/0"),
        collection("Outputs", _outputs(entry), f"{BASE}/Outputs/1/0"),
        collection("TrainingResults", _results(read), f"{BASE}/TrainingResults/1/0"),
        collection("Details", details, f"{BASE}/Details/1/0"),
        collection("AITypeSpecificInformation", _of_type(entry, training), f"{BASE}/AITypeSpecificInformation/1/0"),
    ]
    return submodel(id_, "AIModelNameplate", SEMANTIC, elements, SEMANTIC)


def _inputs(entry: Entry) -> Iterator[Any]:
    yield prop("KindOfInput", "named numbers", f"{BASE}/Inputs/KindOfInput/1/0")
    for number, part in enumerate(entry.observation, start=1):
        of_dimension = f"{BASE}/Inputs/DimensionN"
        size = prop("Size", str(len(part.low)), f"{of_dimension}/Size/1/0")
        about = prop("Information", _told(part), f"{of_dimension}/Information/1/0")
        yield collection(f"Dimension{number}", [size, about], f"{of_dimension}/1/0")


def _outputs(entry: Entry) -> Iterator[Any]:
    for number, part in enumerate(entry.action, start=1):
        of_dimension = f"{BASE}/Outputs/DimensionN"
        size = prop("Size", str(len(part.low)), f"{of_dimension}/Size/1/0")
        result = text("Result", _told(part), f"{of_dimension}/Result/1/0")
        yield collection(f"Dimension{number}", [size, result], f"{of_dimension}/1/0")


def _results(read: Read) -> Iterator[Any]:
    known = measured(read.files[EVALUATION], EVALUATION)
    if known is None:
        return
    shown = known.model_dump(exclude_none=True)
    for name, value in shown.items():
        id_short = "".join(word.title() for word in name.split("_"))
        yield prop(id_short, str(value), f"{BASE}/TrainingResults/Result/1/0")


def _of_type(entry: Entry, training: dict[str, Any]) -> Iterator[Any]:
    base = f"{BASE}/AITypeSpecificInformation"
    if entry.parents:
        origin = prop("Name", ", ".join(entry.parents), f"{base}/NeuralNetwork/TransferLearning/Name/1/0")
        yield collection("TransferLearning", [origin], f"{base}/TransferLearning/1/0")
    # The template has one semantic id for hyperparameters of any name.
    named = [prop(name, str(value), f"{base}/Hyperparameter/LearningRate/1/0") for name, value in training.items()]
    yield collection("Hyperparameter", named, f"{base}/Hyperparameter/1/0")
    kind = "tuned constants of a strategy" if entry.kind == "parameters" else "feed-forward network"
    yield text("Type", kind, f"{base}/Type/1/0")


def _told(part: Part) -> str:
    frame = f", {part.frame}" if part.frame else ""
    low, high = (", ".join(f"{value:g}" for value in values) for values in (part.low, part.high))
    return f"{part.name} ({part.unit}{frame}; {low} to {high}): {part.about}"
