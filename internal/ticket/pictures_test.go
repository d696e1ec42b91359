package ticket

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"testing"

	"quhao/drivers/virtual"
)

// pictured are the tickets that the README shows.
func pictured() map[string]Ticket {
	zh, en := chinese(), english()
	rare := chinese()
	// Meitnerium and nihonium are younger than GBK: no printer's font has them, and the line goes as a picture.
	rare.Item, rare.Number = "放射性物质备案（鿏、鿭）", "F207"
	rare.Department, rare.Ahead, rare.Wait, rare.Where = "科学技术发展研究院", 0, Wait{0, 5}, "一楼 12 号窗口"
	return map[string]Ticket{
		"zh": zh, "en": en, "zh-reprint": reprint(zh), "en-reprint": reprint(en),
		"zh-offline": offline(zh), "en-offline": offline(en), "zh-rare": rare,
	}
}

// TestPictures compares the pictures in docs/tickets with what the twin of a printer prints today;
// go test ./internal/ticket -run Pictures -update draws them anew.
func TestPictures(t *testing.T) {
	for name, tk := range pictured() {
		for _, columns := range []int{32, 48} {
			_, p := printed(t, tk, columns)
			path := filepath.Join("..", "..", "docs", "tickets", paperOf(columns)+"-"+name+".svg")
			got := svg(p, columns)
			if len(got) > 150<<10 {
				t.Errorf("%s has %d bytes, more than 150 KiB", path, len(got))
			}
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s is out of date", path)
			}
		}
	}
}

// svg draws the paper at its true proportions: 8 dots are a millimetre, 7.1 at 42 columns, and the printable width stands in the middle.
func svg(p virtual.Paper, columns int) []byte {
	wide := map[int]int{32: 58 * 8, 42: 80 * 71 / 10, 48: 80 * 8}[columns]
	size := p.Image.Bounds().Size()
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="-8 -8 %d %d">`+"\n",
		(wide+16)/2, (size.Y+16)/2, wide+16, size.Y+16)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fdfdfa" stroke="#c9c9c2" stroke-width="2"/>`+"\n", wide, size.Y)
	fmt.Fprintf(&b, `<path fill="#1d1d22" shape-rendering="crispEdges" transform="translate(%d)" d="`, (wide-size.X)/2)
	for _, r := range rectangles(p.Image) {
		fmt.Fprintf(&b, "M%d %dh%dv%dh-%dz", r.Min.X, r.Min.Y, r.Dx(), r.Dy(), r.Dx())
	}
	b.WriteString(`"/>` + "\n</svg>\n")
	return b.Bytes()
}

// rectangles covers the black dots: runs of a row, joined with the same run of the rows below.
func rectangles(img image.Image) []image.Rectangle {
	var done []image.Rectangle
	open := map[[2]int]int{} // a run that reached the row above, and its place in done
	for y := range img.Bounds().Dy() {
		next := map[[2]int]int{}
		for _, run := range runs(img, y) {
			i, ok := open[run]
			if !ok {
				i = len(done)
				done = append(done, image.Rect(run[0], y, run[1], y))
			}
			done[i].Max.Y++
			next[run] = i
		}
		open = next
	}
	return done
}

// runs are the black runs of a row: the first dot, and the one behind the last.
func runs(img image.Image, y int) (all [][2]int) {
	width := img.Bounds().Dx()
	dark := func(x int) bool { return x < width && color.GrayModel.Convert(img.At(x, y)).(color.Gray).Y < 0x80 }
	for x := 0; x < width; x++ {
		if !dark(x) {
			continue
		}
		from := x
		for dark(x) {
			x++
		}
		all = append(all, [2]int{from, x})
	}
	return all
}
