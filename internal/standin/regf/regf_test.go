package regf

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// sample has every type of value, names that need UTF-16, and a value of
// several segments.
func sample() *Key {
	root := NewRoot()
	state := root.Create(`Microsoft\Windows\CurrentVersion\Setup\State`)
	state.Set(StringValue("ImageState", "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"))
	kinds := root.Create("Kinds")
	kinds.Set(StringValue("", "the default value"))
	kinds.Set(ExpandStringValue("expand", `%SystemRoot%\System32`))
	kinds.Set(DWordValue("dword", 0xfffffffe))
	kinds.Set(QWordValue("qword", 1<<63+1))
	kinds.Set(BinaryValue("one", []byte{1}))
	kinds.Set(BinaryValue("none", nil))
	kinds.Set(BinaryValue("five", []byte{1, 2, 3, 4, 5}))
	kinds.Set(MultiStringValue("multi", []string{"winmgmt", "nsi", "profsvc"}))
	kinds.Set(StringValue("한국어", "서울"))
	big := make([]byte, 40_000)
	rand.New(rand.NewSource(1)).Read(big)
	kinds.Set(BinaryValue("big", big))
	kinds.Set(BinaryValue("exact", big[:bigDataSegment]))
	root.Create(`Größe\日本語`).Set(DWordValue("n", 7))
	return root
}

func writeHive(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func encode(t *testing.T, root *Key, o Options) []byte {
	t.Helper()
	b, err := Encode(root, o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// judge runs a program of libhivex-bin.
func judge(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: apt-get install libhivex-bin", name)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

func TestHivexReadsWhatWeWrite(t *testing.T) {
	for _, o := range []Options{{FileName: `\SystemRoot\System32\Config\SOFTWARE`}, {FastLeaf: true}} {
		path := writeHive(t, "SOFTWARE", encode(t, sample(), o))
		for _, c := range []struct{ key, value, want string }{ // hivexget prints integers with a sign
			{`\Microsoft\Windows\CurrentVersion\Setup\State`, "ImageState", "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"},
			{`\Kinds`, "@", "the default value"},
			{`\Kinds`, "expand", `%SystemRoot%\System32`},
			{`\Kinds`, "dword", "-2"},
			{`\Kinds`, "qword", "-9223372036854775807"},
			{`\Kinds`, "multi", "winmgmt\nnsi\nprofsvc"},
			{`\Kinds`, "한국어", "서울"},
			{`\Größe\日本語`, "n", "7"},
		} {
			if got := judge(t, "hivexget", path, c.key, c.value); got != c.want {
				t.Errorf("hivexget %s %s = %q, want %q", c.key, c.value, got, c.want)
			}
		}
		xml := judge(t, "hivexml", path)
		if got, want := strings.Count(xml, "<node "), 9; got != want {
			t.Errorf("hivexml sees %d keys, want %d\n%s", got, want, xml)
		}
	}
}

func TestManyKeysAreFoundByHivex(t *testing.T) {
	root := NewRoot()
	for i := range 3000 { // more than one leaf holds: an ri list
		root.SetDWord(fmt.Sprintf(`Services\svc%05d`, i), "Start", uint32(i))
	}
	path := writeHive(t, "SYSTEM", encode(t, root, Options{}))
	for _, i := range []int{0, 499, 500, 2999} {
		if got := judge(t, "hivexget", path, fmt.Sprintf(`\Services\svc%05d`, i), "Start"); got != fmt.Sprint(i) {
			t.Errorf("svc%05d Start = %s", i, got)
		}
	}
}

func TestLoadGivesBackTheTree(t *testing.T) {
	want := sample()
	got, err := Load(encode(t, want, Options{}))
	if err != nil {
		t.Fatal(err)
	}
	opts := cmp.Options{cmp.AllowUnexported(Key{}), cmpopts.IgnoreFields(Key{}, "Modified"), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(want, got, opts); diff != "" {
		t.Error(diff)
	}
}

func TestEqualTreesMakeEqualHives(t *testing.T) {
	if !bytes.Equal(encode(t, sample(), Options{}), encode(t, sample().Clone(), Options{})) {
		t.Error("two encodings of one tree differ")
	}
}

func TestDirtyHiveIsNotLoaded(t *testing.T) {
	d, err := EncodeDirty(Options{}, sample(), sample())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(d.Primary); !errors.Is(err, ErrDirty) {
		t.Errorf("Load of a dirty hive: %v, want ErrDirty", err)
	}
}

func TestTree(t *testing.T) {
	root := NewRoot()
	root.SetString(`A\b\C`, "Name", "x")
	root.SetString(`a\B\c`, "NAME", "y")
	if s, _ := root.Text(`A\B\C`, "name"); s != "y" {
		t.Errorf("names are case-insensitive: got %q", s)
	}
	if got := root.Open(`a\b`).Name; got != "b" {
		t.Errorf("the first spelling stays: got %q", got)
	}
	if root.Open(`A\none`) != nil || root.Delete(`A\none`) || !root.Delete(`A\B`) || root.Open(`A\b\c`) != nil {
		t.Error("Open or Delete is wrong")
	}
	if root.Delete("") {
		t.Error("the root was deleted")
	}
}

func TestNamesThatDoNotFit(t *testing.T) {
	root := NewRoot()
	root.Create(strings.Repeat("n", 256))
	if _, err := Encode(root, Options{}); !errors.Is(err, ErrTooLong) {
		t.Errorf("a name of 256 characters: %v", err)
	}
}
