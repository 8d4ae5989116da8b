"""Write the committed configuration anew."""

from deploy.prometheus import CONFIG, render

CONFIG.write_text(render(), encoding="utf-8")
