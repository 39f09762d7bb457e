package model

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

// Exit codes of pnputil.exe beside 0 (Microsoft, "PnPUtil return values").
const (
	pnputilNoDevice = 259 // ERROR_NO_MORE_ITEMS: no device here wants it, or each has one as new
	pnputilFailed   = 2   // ERROR_FILE_NOT_FOUND: a file that the INF names is not beside it
)

// setupLog is where Windows tells of driver installations.
const setupLog = `C:\Windows\INF\setupapi.dev.log`

var (
	infVersion = regexp.MustCompile(`(?im)^\s*DriverVer\s*=\s*[^,\r\n]*,\s*([0-9.]+)`)
	infFile    = regexp.MustCompile(`(?im)^\s*([\w-]+\.sys)\s*=\s*1\b`)
)

// pnputil runs `pnputil.exe /add-driver file /install`: the package goes into
// the driver store, and onto the devices of this machine that it is for, unless
// theirs is as new (DiInstallDriver). A network driver that is replaced drops
// the link, as with the MSI.
func (m *Model) pnputil(ctx context.Context, p guest.InstallParameters) (exit int, log string, err error) {
	if err := m.confirmPackage(p); err != nil {
		return 0, "", err
	}
	inf, err := m.file(p.Path)
	if err != nil {
		return 0, "", err
	}
	at := strings.LastIndexByte(p.Path, '\\') + 1
	folder, name := p.Path[:at], strings.TrimSuffix(strings.ToLower(p.Path[at:]), ".inf")
	text := strings.ReplaceAll(string(inf), "\x00", "") // UTF-16LE of ASCII, when it is that
	files := map[string][]byte{}
	for _, f := range infFile.FindAllStringSubmatch(text, -1) {
		body, err := m.file(folder + f[1])
		if err != nil {
			return 0, "", failure("pnputil", "pnputil.exe ended with %d (0x%08X) for %s; its log is %s in the guest", pnputilFailed, pnputilFailed, p.Path, setupLog)
		}
		files[f[1]] = body
	}
	d := Driver{Name: name}
	if v := infVersion.FindStringSubmatch(text); v != nil {
		d.Version = v[1]
	}
	if m.hasDriver(d) {
		return pnputilNoDevice, setupLog, nil
	}
	if name == "netkvm" {
		if err := m.host.DropLink(ctx); err != nil {
			return 0, "", err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.addDriver(d); err != nil {
		return 0, "", err
	}
	m.bindDevices(m.host.Devices())
	for f, body := range files {
		if err := m.disk.write(`Windows\System32\drivers\`+f, body); err != nil {
			return 0, "", err
		}
	}
	for _, known := range virtio {
		if known.Name == name && m.serviceStart(known.Service) < 0 {
			return pnputilNoDevice, setupLog, nil
		}
	}
	return 0, setupLog, nil
}

// hasDriver says whether every device that could have this driver has it, in
// this version or a later one. Whether its file is still there, Windows does
// not ask.
func (m *Model) hasDriver(d Driver) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.system.Open(driverStoreKey + `\` + d.Name + ".inf_amd64")
	if k == nil {
		return false
	}
	service, _ := k.Text("", "Service")
	installed, _ := k.Text("", "Version")
	devices, _ := k.Get("Devices")
	ids, _ := devices.Texts()
	for _, id := range ids {
		if slices.ContainsFunc(m.unboundDevices(), func(unbound string) bool { return strings.HasPrefix(strings.ToUpper(unbound), strings.ToUpper(id)) }) {
			return false
		}
	}
	return m.serviceStart(service) >= 0 && compareVersions(installed, d.Version) >= 0
}

// compareVersions compares dotted numbers as numbers, part by part.
func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		var x, y int
		if i < len(as) {
			x, _ = strconv.Atoi(as[i])
		}
		if i < len(bs) {
			y, _ = strconv.Atoi(bs[i])
		}
		if x != y {
			return cmp.Compare(x, y)
		}
	}
	return 0
}

// winExt is the ending of a Windows path, with its dot.
func winExt(path string) string {
	if i := strings.LastIndexByte(path, '.'); i > strings.LastIndexByte(path, '\\') {
		return path[i:]
	}
	return ""
}
