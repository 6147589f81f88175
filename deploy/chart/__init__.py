"""The Helm chart in `roomcast/`, and its checks: `python -m deploy.chart` (`make chart`)."""
