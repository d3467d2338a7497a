"""Daily retraining of a breast-cancer classifier, written the way Airflow DAGs are written.

Each run has a directory of its own, under ``params["work_dir"]``, else the environment's
MILLSTREAM_DEMO_DIR, else ``millstream-demo`` in the temporary directory. Tasks hand on file names
only, so all of them must run where that directory is: on one machine or with a shared disk.
Needs scikit-learn.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

import pendulum

from millstream import DAG, AirflowSkipException, PythonOperator

REQUIRED_ACCURACY = 0.90


def work_dir(context) -> Path:
    """The directory of this run; the run id may hold characters that make poor file names."""
    configured = context["params"]["work_dir"] or os.environ.get("MILLSTREAM_DEMO_DIR")
    base = Path(configured or Path(tempfile.gettempdir()) / "millstream-demo")
    run = "".join(c if c.isalnum() or c in "-_." else "_" for c in context["run_id"])
    directory = base.absolute() / run
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def fetch_data(**kwargs):
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    path = work_dir(kwargs) / "raw.csv"
    with path.open("w") as file:
        file.write(",".join([*(n.replace(" ", "_") for n in data.feature_names), "target"]) + "\n")
        for row, target in zip(data.data, data.target, strict=True):
            file.write(",".join(repr(float(value)) for value in row) + f",{int(target)}\n")
    print(f"Fetched {len(data.target)} samples with {data.data.shape[1]} features to {path}")
    return str(path)


def preprocess_data(**kwargs):
    import numpy as np
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    raw = kwargs["ti"].xcom_pull(task_ids="fetch_data")
    table = np.loadtxt(raw, delimiter=",", skiprows=1)
    features, target = table[:, :-1], table[:, -1].astype(int)
    x_train, x_test, y_train, y_test = train_test_split(
        features, target, test_size=0.25, random_state=kwargs["params"]["seed"], stratify=target
    )
    scaler = StandardScaler().fit(x_train)
    path = work_dir(kwargs) / "prepared.npz"
    np.savez(
        path,
        x_train=scaler.transform(x_train),
        x_test=scaler.transform(x_test),
        y_train=y_train,
        y_test=y_test,
    )
    print(f"Split {len(target)} rows into {len(y_train)} for training and {len(y_test)} held out")
    return str(path)


def train_model(**kwargs):
    import joblib
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    prepared = np.load(kwargs["ti"].xcom_pull(task_ids="preprocess_data"))
    model = LogisticRegression(C=kwargs["params"]["regularization"], max_iter=1000)
    model.fit(prepared["x_train"], prepared["y_train"])
    path = work_dir(kwargs) / f"model_{work_dir(kwargs).name}.joblib"
    joblib.dump(model, path)
    print(f"Trained {model} in {int(model.n_iter_[0])} iterations, saved as {path.name}")
    return path.name


def evaluate_model(**kwargs):
    import joblib
    import numpy as np
    from sklearn.metrics import accuracy_score, f1_score

    ti = kwargs["ti"]
    prepared = np.load(ti.xcom_pull(task_ids="preprocess_data"))
    model = joblib.load(work_dir(kwargs) / ti.xcom_pull(task_ids="train_model"))
    predicted = model.predict(prepared["x_test"])
    metrics = {
        "accuracy": float(accuracy_score(prepared["y_test"], predicted)),
        "f1": float(f1_score(prepared["y_test"], predicted)),
        "held_out": len(predicted),
    }
    print(f"Accuracy {metrics['accuracy']:.4f}, F1 {metrics['f1']:.4f} on {len(predicted)} rows")
    return metrics


def deploy_model(**kwargs):
    ti = kwargs["ti"]
    metrics = ti.xcom_pull(task_ids="evaluate_model")
    required = kwargs["params"]["required_accuracy"]
    if metrics["accuracy"] <= required:
        raise AirflowSkipException(
            f"accuracy {metrics['accuracy']:.4f} is not above {required}: the old model stays"
        )
    model = work_dir(kwargs) / ti.xcom_pull(task_ids="train_model")
    target = model.parent.parent / "deployed"
    target.mkdir(exist_ok=True)
    # A reader never sees half a model: both files are written beside their place and renamed.
    draft = target / f".{model.name}"
    shutil.copyfile(model, draft)
    draft.replace(target / "model.joblib")
    about = {"model": model.name, "run_id": kwargs["run_id"], "logical_date": kwargs.get("ts")}
    draft = target / f".{model.name}.json"
    draft.write_text(json.dumps({**about, **metrics}, indent=2))
    draft.replace(target / "model.json")
    print(f"Deployed {model.name} to {target}")
    return str(target / "model.joblib")


with DAG(
    dag_id="ml_retraining_pipeline",
    description="Fetch, preprocess, train, evaluate and, if it is good enough, deploy",
    schedule="@daily",
    start_date=pendulum.datetime(2023, 1, 1, tz="UTC"),
    catchup=False,
    tags=["ml", "retraining"],
    default_args={"owner": "ml", "retries": 1, "retry_delay": 5},
    params={
        "work_dir": "",
        "seed": 42,
        "regularization": 1.0,
        "required_accuracy": REQUIRED_ACCURACY,
    },
    doc_md=__doc__,
) as dag:
    fetch = PythonOperator(task_id="fetch_data", python_callable=fetch_data)
    preprocess = PythonOperator(task_id="preprocess_data", python_callable=preprocess_data)
    train = PythonOperator(task_id="train_model", python_callable=train_model)
    evaluate = PythonOperator(task_id="evaluate_model", python_callable=evaluate_model)
    deploy = PythonOperator(task_id="deploy_model", python_callable=deploy_model)

    fetch >> preprocess >> train >> evaluate >> deploy
