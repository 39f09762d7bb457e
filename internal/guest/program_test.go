package guest

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/scripttest"
)

// TestPrograms runs real programs, by the functions that every other test has
// replaced: one that ends at once has its exit code, and one that does not end
// is ended.
func TestPrograms(t *testing.T) {
	t.Parallel()
	ends, stays := `-File '/bin/sh' -Arguments '-c', '"exit 7"'`, `-File '/bin/sh' -Arguments '-c', '"exec sleep 60"'`
	if runtime.GOOS == "windows" {
		ends, stays = `-File 'cmd.exe' -Arguments '/d', '/c', 'exit 7'`, `-File 'ping.exe' -Arguments '-n', '60', '127.0.0.1'`
	}
	m := scripttest.New(t).Set(`Remove-Item -LiteralPath Alias:\Start-Program`)
	var out, errs bytes.Buffer
	if _, err := m.Script(t.Context(), script("prelude")+`
$codes = @(for ($i = 0; $i -lt 20; $i++) { Invoke-Program `+ends+` -TimeoutSeconds 60 })
"codes=$(@($codes | Select-Object -Unique) -join ',')"
try { Invoke-Program `+stays+` -TimeoutSeconds 1 } catch { "code=$($_.Exception.Data['code'])" }
`, strings.NewReader(""), &out, &errs); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"codes=7\n", "code=timeout\n"} {
		if said := strings.ReplaceAll(out.String(), "\r\n", "\n"); !strings.Contains(said, want) {
			t.Errorf("%q is not in %q\n%s", want, said, errs.String())
		}
	}
}
