"""The picture at the end of a run: every column of metrics.csv, unknown cells left out."""

import csv

from eqntk_cli.report.paper.canvas import styled
from eqntk_cli.report.paper.command_figures import metrics_figure

TABLE = """\
step,split,loss,mae_meV,rmse_meV
0,train,1.5,900,1000
0,test,2.5,950,1100
0,ood,,,
10,train,0.5,300,400
10,test,0.75,350,500
10,ood,,,
"""


def test_every_column_has_a_panel_and_every_known_split_a_line():
    with styled():
        figure = metrics_figure(list(csv.DictReader(TABLE.splitlines())), "ntk")
        panels = figure.axes
    assert [panel.get_ylabel() for panel in panels] == ["loss", "mean absolute error / meV", "RMSE / meV"]
    assert [line.get_label() for line in panels[0].lines] == ["train", "test"]
    assert list(panels[0].lines[1].get_xdata()) == [0, 10]
    assert list(panels[0].lines[1].get_ydata()) == [2.5, 0.75]
    assert {panel.get_yscale() for panel in panels} == {"log"}


def test_shares_stand_on_a_linear_axis_and_a_zero_loss_is_drawn():
    rows = [
        {"step": "0", "split": "test", "loss": "1", "acc": "0.5"},
        {"step": "5", "split": "test", "loss": "0", "acc": "1"},
    ]
    with styled():
        panels = metrics_figure(rows, "gcnn_ensemble").axes
    assert [panel.get_yscale() for panel in panels] == ["linear", "linear"]
    assert panels[1].get_ylabel() == "accuracy"
