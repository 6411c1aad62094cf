"""Makes the pictures beside it: one in many files, as Pillow 12 and its codecs write them. Needs Pillow alone."""

from pathlib import Path

from PIL import Image

SIZE = WIDTH, HEIGHT = 24, 16
HERE = Path(__file__).parent

picture = Image.new("RGB", SIZE)
for y in range(HEIGHT):
    for x in range(WIDTH):
        picture.putpixel((x, y), (40 + 8 * x, 30 + 12 * y, 128))
glass = picture.copy()
glass.putalpha(100)
other = {"save_all": True, "append_images": [Image.new("RGB", SIZE)], "duration": 100}

picture.save(HERE / "lossy.webp", quality=90)
glass.save(HERE / "transparent.webp", quality=90)
picture.save(HERE / "moving.webp", **other)
picture.save(HERE / "moving.png", **other)
picture.save(HERE / "baseline.jpg", quality=95, subsampling=2, restart_marker_blocks=1)
picture.save(HERE / "progressive.jpg", quality=95, subsampling=0, progressive=True)
picture.save(HERE / "rgb.jpg", quality=90, keep_rgb=True)
picture.convert("CMYK").save(HERE / "cmyk.jpg", quality=90)
