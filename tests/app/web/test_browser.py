"""The pages in a real browser: Chromium and its driver, by keys and clicks, as a biologist would.

FUSED_ENCODER_PICTURES=docs/pictures writes what the tests saw, for the documentation; with
FUSED_ENCODER_DEMO=demo, of the birds and the encoder of `make demo`.
"""

import io
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aviary.layout import plan_aviary
from inference import Embedder
from tests.app.web.birds import write_world

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
uvicorn = pytest.importorskip("uvicorn", reason="the extra serve is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
PICTURES, DEMO = os.environ.get("FUSED_ENCODER_PICTURES"), os.environ.get("FUSED_ENCODER_DEMO")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="chromium or chromedriver is missing: apt-get install chromium chromium-driver",
)
WIDE, PHONE = (1100, 860), (390, 844)
PAGES = ("/", "/listen", "/listen/h0", "/decide", "/decide/pairs", "/decide/detections", "/know")
PAGES += ("/know/BIRD-0002", "/look-over", "/nowhere")
WAIT_SECONDS = 30.0


@pytest.fixture(scope="module")
def birds(aviary):
    return plan_aviary(Path(DEMO) / "aviary", "standard", 0) if DEMO else aviary


@pytest.fixture(scope="module")
def address(birds, exported, tmp_path_factory) -> Iterator[str]:
    """The service, really listening."""
    from app.cli.serve import address_of, listen
    from app.web.application import create_app

    embedder = Embedder.load(Path(DEMO) / "encoder" if DEMO else exported)
    settings = write_world(tmp_path_factory.mktemp("world"), birds, embedder)
    socket = listen(settings)
    server = uvicorn.Server(uvicorn.Config(create_app(settings), log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    yield address_of(settings, socket)
    server.should_exit = True
    thread.join(20)
    socket.close()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory) -> Iterator["Browser"]:
    browser = Browser(tmp_path_factory.mktemp("downloads"))
    yield browser
    browser.driver.quit()


@pytest.fixture
def browser(chromium, address) -> Iterator["Browser"]:
    """A window that must not have seen an error of a script or of its policy when the test ends."""
    chromium.address = address
    chromium.look()
    chromium.problems()
    yield chromium
    assert chromium.problems() == []


class Browser:
    """What a person does."""

    def __init__(self, downloads: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for told in ("headless=new", "no-sandbox", "disable-gpu", "hide-scrollbars"):
            options.add_argument(f"--{told}")
        options.add_argument("--use-fake-ui-for-media-stream")
        options.add_argument("--use-fake-device-for-media-stream")
        options.add_argument("--autoplay-policy=no-user-gesture-required")
        options.add_experimental_option(
            "prefs", {"download.default_directory": str(downloads.resolve())}
        )
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
        self.downloads, self.address = downloads, ""

    def look(self, size=WIDE, *, dark=False, height=None) -> None:
        """Through a window of this size, by day or by night."""
        width, usual = size
        metrics = {"width": width, "height": height or usual, "deviceScaleFactor": 1}
        metrics["mobile"] = size == PHONE
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def open(self, path: str) -> None:
        self.driver.get(self.address + path)

    def find(self, selector: str):
        return self.until(lambda: self.driver.find_elements("css selector", selector))[0]

    def text(self, selector: str = "main") -> str:
        return self.find(selector).text

    def press(self, keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(keys)

    def until(self, is_so: Callable):
        """Waits until it is so, and returns what was found."""
        end = time.monotonic() + WAIT_SECONDS
        while not (found := self._tried(is_so)):
            assert time.monotonic() < end, (
                f"never so; the page says:\n{self.driver.page_source[:3000]}"
            )
            time.sleep(0.05)
        return found

    def _tried(self, is_so: Callable):
        from selenium.common.exceptions import StaleElementReferenceException

        try:
            return is_so()
        except StaleElementReferenceException:  # the page was changed meanwhile
            return None

    def script(self, text: str, *given):
        return self.driver.execute_script(f"return {text}", *given)

    def problems(self) -> list[str]:
        """Errors of scripts and of the content policy; an answer of 404 or 422 is none by itself."""
        told = [line["message"] for line in self.driver.get_log("browser")]
        answers = ("Failed to load resource", "Response Status Error Code")
        return [line for line in told if not any(one in line for one in answers)]

    def picture(self, name: str, height: int | None = None, **how) -> None:
        """What is seen now, as a small PNG for the documentation, where that is asked for."""
        if not PICTURES:
            return
        from PIL import Image

        self.look(height=height, **how)
        time.sleep(1.0)  # tiles and pictures come
        seen = Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB")
        seen.quantize(256, kmeans=1, dither=Image.Dither.NONE).save(
            Path(PICTURES) / f"page_{name}.png", optimize=True
        )
        self.look()


def test_a_photo_and_a_call_are_asked_about_and_the_answer_has_an_address(browser, birds):
    browser.open("/")
    bird = sorted(birds.held_out_images.iterdir())[2]
    browser.find("#photo").send_keys(str(sorted(bird.glob("*.jpg"))[0]))
    call = sorted((birds.held_out_audio / bird.name).glob("*.flac"))[0]
    browser.find("#recording").send_keys(str(call))
    browser.picture("ask", height=640)
    browser.find("[data-submit]").click()
    browser.until(lambda: "/ask/" in browser.driver.current_url)
    assert browser.find("h1").text.startswith("Most like")
    assert len(browser.driver.find_elements("css selector", "ol.grid > li")) == 12
    shown = "[...document.querySelectorAll('ol.grid img[src]')].filter(i => i.naturalWidth).length"
    browser.until(lambda: browser.script(shown) > 0)
    browser.script("arguments[0].open = true", browser.find("[data-match]"))
    lines = "document.querySelector('[data-match] img').naturalWidth"
    browser.until(lambda: browser.script(lines))
    browser.picture("answer", height=1280)
    answer = browser.find("h1").text
    browser.open(browser.driver.current_url.removeprefix(browser.address))
    assert browser.find("h1").text == answer


def test_an_upload_that_is_no_photo_is_refused_in_words(browser, tmp_path):
    file = tmp_path / "<img src=x onerror=alert(1)>.jpg"
    file.write_text("not a photo")
    browser.open("/")
    browser.find("#photo").send_keys(str(file))
    browser.find("[data-submit]").click()
    refusal = browser.until(lambda: browser.find("[data-refusals]").text)
    assert "cannot be used" in refusal
    assert "not a photo" in refusal
    assert browser.driver.current_url == browser.address + "/"
    browser.picture("refusal", height=640)


def test_many_files_become_a_table(browser, birds, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing to see")
    files = [*sorted(birds.held_out_images.rglob("*.jpg"))[:3], tmp_path / "notes.txt"]
    browser.open("/")
    browser.find("#files").send_keys("\n".join(map(str, files)))
    browser.until(lambda: "/ask/batch/" in browser.driver.current_url)
    assert len(browser.driver.find_elements("css selector", "tbody tr")) == 4
    assert "neither a photo nor a recording" in browser.text("table")
    browser.picture("batch", height=520)


def test_the_microphone_gives_a_recording(browser):
    browser.open("/")
    browser.find("[data-record]").click()
    browser.until(lambda: "Stop, 1" in browser.text("[data-record]"))
    browser.find("[data-record]").click()
    browser.until(lambda: "microphone.wav" in browser.text("[data-drop=recording]"))


def test_one_animal_of_a_photo_is_marked_and_named_by_a_person(browser, birds):
    from selenium.webdriver import ActionChains

    browser.open("/")
    browser.find("#photo").send_keys(str(sorted(birds.held_out_images.rglob("*.jpg"))[0]))
    browser.find("[data-submit]").click()
    browser.find("[data-mark]").click()
    photo = browser.find("[data-photo]")
    browser.until(lambda: photo.size["width"] > 100)
    ActionChains(browser.driver).move_to_element(photo).move_by_offset(
        -60, -60
    ).click_and_hold().move_by_offset(120, 110).release().perform()
    browser.until(lambda: "the part that was marked" in browser.text())
    assert "Only the animal that you marked" in browser.script(
        "document.querySelector('main').textContent"
    )
    browser.script("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    browser.find("#who").send_keys("Ana")
    browser.find("input[name=new_name]").send_keys("Nuria")
    browser.find("input[name=new_name] ~ button, input[name=new_name]").submit()
    browser.until(lambda: "/know/BIRD-" in browser.driver.current_url)
    assert browser.find("h1").text == "Nuria"
    shown = "document.querySelector('.tile img').naturalWidth"
    browser.until(lambda: browser.script(shown))


def test_ten_pairs_are_decided_by_keys_and_the_last_is_taken_back(browser):
    browser.open("/decide/pairs")
    browser.find("#who").clear()
    browser.find("#who").send_keys("Zoë")
    head = "#question strong"
    browser.picture("decide", height=860)
    browser.press("\t")
    before = browser.text("#question .card")
    for number, key in enumerate("1232211213", start=1):
        browser.press(key)
        browser.until(lambda number=number: browser.text(head).startswith(f"{number} of "))
    last = browser.text("#question .card")
    browser.press("u")
    browser.until(lambda: browser.text(head).startswith("9 of "))
    assert browser.text("#question .card") not in (before, last)
    told = browser.script("document.querySelector('#question details.card').textContent")
    assert "took back entry 10" in told
    assert "Zoë" in told


def test_detections_are_judged_and_the_precision_is_told(browser):
    browser.open("/decide/detections")
    browser.until(lambda: browser.script("document.querySelector('.clip').dataset.shown"))
    browser.picture("detections", height=860)
    browser.press("1")
    browser.until(lambda: browser.text("#question strong").startswith("1 of "))
    browser.press("4")
    browser.press("another bird")
    browser.find("#other").submit()
    browser.until(lambda: browser.text("#question strong").startswith("2 of "))
    assert "100 %" in browser.text("table")
    assert "0 to" in browser.text("table")


def test_an_individual_is_renamed_and_that_is_undone(browser):
    browser.open("/know")
    browser.picture("know", height=700)
    browser.open("/know/BIRD-0002")
    name = browser.find("form[hx-post$=rename] input")
    name.send_keys("Mwana 小鳥")
    name.submit()
    browser.until(lambda: browser.text("h1") == "Mwana 小鳥")
    browser.picture("individual", height=960)
    other = browser.find("form[hx-post$=rename] input")
    other.clear()
    other.send_keys("Zoë 鳥")
    other.submit()
    assert "is called" in browser.until(lambda: browser.find("[data-refusals]").text)
    browser.open("/know")
    browser.find("button[hx-post='/know/undo']").click()
    browser.until(lambda: "Mwana" not in browser.text(".grid"))


def test_a_recording_is_heard_filtered_and_exported(browser):
    browser.open("/listen/h0")
    assert browser.until(lambda: browser.text("[data-count]")).startswith("14 of 14")
    drawn = """(() => { const canvas = document.querySelector('.spectrogram');
      const pixels = canvas.getContext('2d').getImageData(60, 10, canvas.width - 80, 300).data;
      return new Set(pixels).size; })()"""
    browser.until(lambda: browser.script(drawn) > 100)
    browser.press("n")
    first = browser.until(lambda: browser.text("[data-list] [aria-current]"))
    browser.press("n")
    browser.until(lambda: browser.text("[data-list] [aria-current]") != first)
    browser.picture("listen", height=1180)
    browser.press(" ")
    playing = "document.querySelector('audio').currentTime"
    here = browser.script(playing)
    browser.until(lambda: browser.script(playing) > here + 0.3)
    browser.press(" ")
    browser.script(
        "(([slider]) => { slider.value = 0.8; slider.dispatchEvent(new Event('input')); })(arguments)",
        browser.find("[data-least]"),
    )
    told = browser.until(lambda: (t := browser.text("[data-count]")).startswith("5 of 14") and t)
    assert "9 go" in told
    for kind, ending in (("raven", "selections.txt"), ("csv", ".csv"), ("audacity", "labels.txt")):
        browser.find(f"[data-export={kind}]").click()
        written = browser.until(
            lambda ending=ending: list(browser.downloads.glob(f"dawn*{ending}"))
        )
        lines = browser.until(lambda written=written: written[0].read_text().splitlines())
        assert len(lines) == 5 + (kind != "audacity")


@pytest.mark.parametrize("is_dark", [False, True])
def test_every_page_fits_a_phone(browser, is_dark):
    browser.look(PHONE, dark=is_dark)
    for path in PAGES:
        browser.open(path)
        assert browser.script("document.documentElement.scrollWidth <= innerWidth"), path
        assert browser.script("document.querySelectorAll('h1').length") == 1, path
        unlabelled = """[...document.querySelectorAll('input, select, button, canvas[tabindex]')]
          .filter(one => !one.labels?.length && !one.textContent.trim() && !one.ariaLabel
            && one.type !== 'hidden').length"""
        assert browser.script(unlabelled) == 0, path
    if is_dark:
        browser.open("/decide/pairs")
        browser.picture("phone", size=PHONE, dark=True)
        browser.look(dark=True)
        browser.open("/listen/h0")
        browser.picture("dark", height=760, dark=True)


def test_the_first_page_is_light_and_quick(browser):
    browser.open("/")
    told = "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
    assert browser.script(f"{told}.reduce((sum, one) => sum + one.decodedBodySize, 0)") < 200_000
