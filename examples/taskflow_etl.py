"""TaskFlow: functions become tasks, and passing a result on makes the edge."""

import pendulum

from millstream import dag, get_current_context, task


@dag(
    schedule=None,
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    tags=["example"],
)
def taskflow_etl(tax_percent: int = 19):
    """Sums up a day's orders. Trigger it with `--conf '{"tax_percent": 7}'` to change the tax."""

    @task(retries=2, retry_delay=5)
    def extract() -> dict[str, float]:
        """The orders, each key also an XCom of its own."""
        return {"1001": 301.27, "1002": 433.21, "1003": 502.22}

    @task
    def transform(orders: dict[str, float], percent: int) -> dict[str, float]:
        net = sum(orders.values())
        return {"net": round(net, 2), "gross": round(net * (1 + percent / 100), 2)}

    @task
    def load(gross: float, label: str) -> None:
        print(f"{label}: {gross} ({get_current_context()['run_id']})")

    totals = transform(extract(), tax_percent)
    load(totals["gross"], "gross of {{ dag_run.run_type }} run")
    load.override(task_id="load_net")(totals["net"], "net")


etl = taskflow_etl()

if __name__ == "__main__":
    etl.test()
