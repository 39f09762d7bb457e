package model

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

// TestPnputil: a newer package takes the network adapter away once; the same
// again touches nothing, as DiInstallDriver has it.
func TestPnputil(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bootstrap()
	inf := "[Version]\r\nDriverVer=07/07/2025,100.102.104.28500\r\n[SourceDisksFiles]\r\nnetkvm.sys=1,,\r\n"
	w.disc["drivers/NetKVM/netkvm.inf"] = &fstest.MapFile{Data: []byte(inf)}
	p := guest.InstallParameters{Path: `E:\drivers\NetKVM\netkvm.inf`, SHA256: sum([]byte(inf)), Beside: []guest.PayloadFile{{Path: `E:\drivers\NetKVM\netkvm.sys`, SHA256: sum([]byte("MZ"))}}, TimeoutSeconds: 60}
	install := func() (guest.InstallResult, error) {
		r, _, err := guest.DriversInstall.Do(t.Context(), w.session(), p)
		return r, err
	}
	if _, err := install(); err == nil || !strings.Contains(err.Error(), "(not-found)") {
		t.Errorf("without the .sys: %v", err)
	}
	w.disc["drivers/NetKVM/netkvm.sys"] = &fstest.MapFile{Data: []byte("MZ, damaged")}
	if _, err := install(); err == nil || !strings.Contains(err.Error(), "(digest)") {
		t.Errorf("a damaged .sys: %v", err)
	}
	if w.drops != 1 {
		t.Errorf("the adapter was taken away %d times, expected once, by the guest tools", w.drops)
	}
	w.disc["drivers/NetKVM/netkvm.sys"] = &fstest.MapFile{Data: []byte("MZ")}
	for i, want := range []int{0, pnputilNoDevice} {
		if r, err := install(); err != nil || r.ExitCode != want || w.drops != 2 {
			t.Errorf("installation %d: %+v, %v; the adapter was taken away %d times", i+1, r, err, w.drops)
		}
	}
}

func TestCompareVersions(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]int{{"1.10", "1.9"}: 1, {"1.0", "1"}: 0, {"", "0.1"}: -1, {"100.102.104.28500", "0.1.285"}: 1} {
		if got := compareVersions(pair[0], pair[1]); got != want {
			t.Errorf("%q: %d, expected %d", pair, got, want)
		}
	}
}
