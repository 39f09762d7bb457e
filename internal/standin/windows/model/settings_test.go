package model

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// refused wants an operation to have failed with a code.
func refused(t *testing.T, err error, code, text string) {
	t.Helper()
	var f *guest.Error
	if !errors.As(err, &f) || f.Code != code || !strings.Contains(f.Message, text) {
		t.Errorf("%v, want code %s with %q", err, code, text)
	}
}

func (w *world) number(path, name string) uint64 {
	n, ok := w.controlSet().Number(path, name)
	if !ok {
		w.t.Errorf("%s!%s is not there", path, name)
	}
	return n
}

func (w *world) active(rule string) bool {
	v, ok := w.controlSet().Open(firewallRulesKey).Get(rule)
	if !ok {
		w.t.Errorf("no rule %s", rule)
	}
	return strings.Contains(v.String(), "|Active=TRUE|")
}

func TestPowerSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, client)
	if err := w.disk.write(hiberFile, []byte("x")); err != nil {
		t.Fatal(err)
	}
	standby := powerSchemes + `\` + balancedScheme + `\` + powerTimeouts[0].setting
	if w.number(standby, "ACSettingIndex") == 0 || w.number(powerKey, "HibernateEnabled") != 1 {
		t.Fatal("a fresh client does not sleep")
	}
	r, _, err := guest.Power.Do(context.Background(), w.session(), guest.None{})
	if err != nil || len(r.Steps) != 4 {
		t.Fatalf("%+v, %v", r, err)
	}
	w.restart()
	if w.number(standby, "ACSettingIndex") != 0 || w.number(powerKey, "HibernateEnabled") != 0 || w.disk.exists(hiberFile) {
		t.Error("it still sleeps")
	}
}

func client(_ *world, i *Install) {
	i.InstallationType, i.Build, i.EditionID, i.ProductName = "Client", 26100, "Professional", "Windows 11 Pro"
}

func TestRDP(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	if w.number(terminalKey, "fDenyTSConnections") != 1 || w.number(rdpTCPKey, "UserAuthentication") != 1 || w.active("RemoteDesktop-UserMode-In-TCP") {
		t.Fatal("a fresh Windows has Remote Desktop open")
	}
	if r, _, err := guest.RDP.Do(ctx, w.session(), guest.RDPParameters{Enable: true}); err != nil || r.Rules != 3 || !r.Enabled || r.NLA {
		t.Fatalf("%+v, %v", r, err)
	}
	w.restart()
	if w.number(terminalKey, "fDenyTSConnections") != 0 || w.number(rdpTCPKey, "UserAuthentication") != 0 || !w.active("RemoteDesktop-UserMode-In-TCP") || w.active("FPS-SMB-In-TCP") {
		t.Error("it is not open, or more is")
	}
	if _, _, err := guest.RDP.Do(ctx, w.session(), guest.RDPParameters{NLA: true}); err != nil {
		t.Fatal(err)
	}
	if w.number(terminalKey, "fDenyTSConnections") != 1 || w.number(rdpTCPKey, "UserAuthentication") != 1 || w.active("RemoteDesktop-UserMode-In-UDP") {
		t.Error("it was not closed")
	}
	for _, name := range w.rulesOf(remoteDesktopGroup) {
		w.controlSet().Open(firewallRulesKey).Unset(name)
	}
	_, _, err := guest.RDP.Do(ctx, w.session(), guest.RDPParameters{Enable: true})
	refused(t, err, "no-rules", remoteDesktopGroup)
}

func TestFirewall(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	_, _, err := guest.Firewall.Do(ctx, w.session(), guest.FirewallParameters{State: "off", Groups: []string{"Remote Desktop"}})
	refused(t, err, "no-rules", "Remote Desktop")
	if w.firewallOff() {
		t.Error("a refused operation turned the firewall off")
	}
	r, _, err := guest.Firewall.Do(ctx, w.session(), guest.FirewallParameters{State: "off", Groups: []string{fileSharingGroup}})
	if err != nil || len(r.Groups) != 1 || r.Groups[0].Rules != 3 || !w.active("FPS-SMB-In-TCP") || w.active("CoreNet-Diag-ICMP4-EchoRequest-In") {
		t.Fatalf("%+v, %v", r, err)
	}
	if !w.firewallOff() || !w.portOpen(4711) {
		t.Error("the firewall is on")
	}
	if _, _, err := guest.Firewall.Do(ctx, w.session(), guest.FirewallParameters{State: "on", Ping: true}); err != nil {
		t.Fatal(err)
	}
	if w.firewallOff() || w.portOpen(4711) || !w.active("CoreNet-Diag-ICMP4-EchoRequest-In") {
		t.Error("the firewall is off, or answers no echo request")
	}
}

func TestUpdatesPause(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.software.Delete(autoUpdateKey)
	if !w.serviceRunning("UsoSvc") {
		t.Fatal("UsoSvc does not run on a fresh Windows")
	}
	r, _, err := guest.UpdatesPause.Do(context.Background(), w.session(), guest.None{})
	if err != nil || len(r.Services) != 4 || slices.ContainsFunc(r.Services, func(s guest.Service) bool { return s.Running }) || w.serviceRunning("UsoSvc") {
		t.Fatalf("%+v, %v", r, err)
	}
	w.restart()
	if n, _ := w.software.Number(autoUpdateKey, "NoAutoUpdate"); n != 1 || !w.serviceRunning("UsoSvc") {
		t.Error("the policy holds over a restart, the stop does not")
	}
}

func TestBusPrepare(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world, i *Install) {
		w.devices = slices.DeleteFunc(virtioDevices(), func(d PCIDevice) bool { return d.Device == 0x1048 })
		i.Devices = w.devices
	})
	p := guest.BusPrepareParameters{BootServices: []string{"viostor", "vioscsi"}}
	r, _, err := guest.BusPrepare.Do(context.Background(), w.session(), p)
	if err != nil || !slices.Equal(r.Bound, []string{"viostor"}) || !slices.Equal(r.Missing, []string{"vioscsi"}) {
		t.Fatalf("%+v, %v", r, err)
	}
	w.devices = virtioDevices() // plugged in while Windows runs
	if r, _, err := guest.BusPrepare.Do(context.Background(), w.session(), p); err != nil || len(r.Missing) != 0 || !w.disk.exists(`Windows\System32\drivers\vioscsi.sys`) {
		t.Fatalf("%+v, %v", r, err)
	}
	w.setServiceStart("vioscsi", startDemand, false)
	if r, _, err := guest.BusPrepare.Do(context.Background(), w.session(), p); err != nil || !slices.Equal(r.Missing, []string{"vioscsi"}) {
		t.Errorf("a driver that starts on demand counts as bound: %+v, %v", r, err)
	}
}

func TestNetworkReset(t *testing.T) {
	t.Parallel()
	for _, build := range []int{20348, 17763} {
		w := newWorld(t, func(_ *world, i *Install) { i.Build = build })
		w.devices = []PCIDevice{{0x1af4, 0x1042}, {0x1af4, 0x1048}, {0x1af4, 0x1000}}
		w.restart() // the modern adapter has become a transitional one
		if ghosts := w.adapters(false); len(ghosts) != 1 || w.connection(0x1000) != "Ethernet 2" {
			t.Fatalf("ghosts %v, the adapter is %q", ghosts, w.connection(0x1000))
		}
		if len(w.software.Open(networkListKey+`\Profiles`).Subkeys()) != 1 {
			t.Fatal("the build's network is not known")
		}
		r, _, err := guest.NetworkReset.Do(context.Background(), w.session(), guest.None{})
		if err != nil || len(r.Removed) != 1 || len(r.Left) != 0 || len(w.adapters(false)) != 0 {
			t.Errorf("build %d: %+v, %v", build, r, err)
		}
		if len(w.software.Open(networkListKey+`\Profiles`).Subkeys()) != 0 || len(w.adapters(true)) != 1 || w.serviceStart("viostor") != startBoot {
			t.Errorf("build %d: the network is known, or more was taken out", build)
		}
		w.devices = virtioDevices() // the name is free again
		w.restart()
		if got := w.connection(0x1041); got != "Ethernet" {
			t.Errorf("the next adapter is %q", got)
		}
	}
}

func (w *world) connection(device uint16) string {
	name, _ := w.controlSet().Text(connectionsKey+`\`+stableID(PCIDevice{0x1af4, device}.String()+deviceInstance)+`\Connection`, "Name")
	return name
}

const (
	standard2022   = "VDYBN-27WPP-V4HQT-9VMD4-VMK7H"
	datacenter2022 = "WX4NM-KYWYW-QJJR4-XV3QB-6VM33"
	privateKey     = "BBBBB-CCCCC-DDDDD-FFFFF-GGGGG"
)

func evaluation(_ *world, i *Install) {
	i.EditionID, i.ProductName = "ServerStandardEval", "Windows Server 2022 Standard Evaluation"
}

func TestEditionConvert(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := guest.EditionConvertParameters{Target: "ServerStandard", ProductKey: standard2022}
	w := newWorld(t, evaluation)
	r, reboot, err := guest.EditionConvert.Do(ctx, w.session(), p)
	if err != nil || !bool(reboot) || r.ExitCode != 3010 || r.From != "ServerStandardEval" {
		t.Fatalf("%+v, %t, %v", r, bool(reboot), err)
	}
	facts, _, err := guest.Facts.Do(ctx, w.session(), guest.None{})
	if err != nil || facts.Edition != "ServerStandardEval" || !slices.Contains(facts.PendingReboot, "servicing") {
		t.Fatalf("before the restart: %+v, %v", facts, err)
	}
	_, _, err = guest.EditionConvert.Do(ctx, w.session(), p)
	refused(t, err, "pending-reboot", "servicing")
	w.restart()
	facts, _, err = guest.Facts.Do(ctx, w.session(), guest.None{})
	if err != nil || facts.Edition != "ServerStandard" || facts.ProductName != "Windows Server 2022 Standard" || len(facts.PendingReboot) != 0 {
		t.Fatalf("after the restart: %+v, %v", facts, err)
	}
	if r, reboot, err := guest.EditionConvert.Do(ctx, w.session(), p); err != nil || bool(reboot) || len(r.Targets) != 0 {
		t.Errorf("it is that edition already: %+v, %v", r, err)
	}
	if l, _, err := guest.Activation.Do(ctx, w.session(), guest.ActivationParameters{}); err != nil || l.Channel != channelKMS || l.PartialKey != "VMK7H" || l.LicenseStatus != statusNotification {
		t.Errorf("%+v, %v", l, err)
	}
	for _, c := range []struct {
		name, target, key, code, text string
		change                        func(*world, *Install)
	}{
		{"another edition's key", "ServerStandard", datacenter2022, "dism", "-1979645695", evaluation},
		{"no key", "ServerStandard", "x", "dism", "-1979645695", evaluation},
		{"Datacenter to Standard", "ServerStandard", standard2022, "no-target", "ServerDatacenter", func(_ *world, i *Install) { i.EditionID = "ServerDatacenterEval" }},
		{"client", "Enterprise", "NPPR9-FWDCX-D2C8J-H872K-2YT43", "dism", "ended with 50", client},
	} {
		w := newWorld(t, c.change)
		_, _, err := guest.EditionConvert.Do(ctx, w.session(), guest.EditionConvertParameters{Target: c.target, ProductKey: c.key})
		refused(t, err, c.code, c.text)
		if len(w.pendingReboot()) != 0 {
			t.Errorf("%s: refused, and yet a restart is due", c.name)
		}
	}
	w = newWorld(t, evaluation)
	w.controlSet().SetString(productOptionsKey, "ProductType", controllerKey)
	_, _, err = guest.EditionConvert.Do(ctx, w.session(), p)
	refused(t, err, "domain-controller", "")
}

// Server Core's targets are DISM's names; its registry keeps the plain one.
func TestEditionConvertOfServerCore(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	core := func(w *world, i *Install) {
		evaluation(w, i)
		i.InstallationType = windows.InstallationServerCore
	}
	for _, target := range []string{"ServerStandard", "ServerStandardCor"} {
		w := newWorld(t, core)
		r, reboot, err := guest.EditionConvert.Do(ctx, w.session(), guest.EditionConvertParameters{Target: target, ProductKey: standard2022})
		if err != nil || !bool(reboot) || !slices.Equal(r.Targets, []string{"ServerStandardCor", "ServerDatacenterCor"}) {
			t.Fatalf("%s: %+v, %t, %v", target, r, bool(reboot), err)
		}
		w.restart()
		if facts, _, err := guest.Facts.Do(ctx, w.session(), guest.None{}); err != nil || facts.Edition != "ServerStandard" || facts.ProductName != "Windows Server 2022 Standard" {
			t.Errorf("%s: after the restart: %+v, %v", target, facts, err)
		}
		if _, reboot, err := guest.EditionConvert.Do(ctx, w.session(), guest.EditionConvertParameters{Target: target, ProductKey: standard2022}); err != nil || bool(reboot) {
			t.Errorf("%s: it is that edition already: %v", target, err)
		}
	}
	_, _, err := guest.EditionConvert.Do(ctx, newWorld(t, evaluation).session(), guest.EditionConvertParameters{Target: "ServerStandardCor", ProductKey: standard2022})
	refused(t, err, "no-target", "ServerStandard")
}

func TestActivation(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	do := func(p guest.ActivationParameters) (guest.ActivationResult, error) {
		r, _, err := guest.Activation.Do(ctx, w.session(), p)
		return r, err
	}
	_, err := do(guest.ActivationParameters{Activate: true})
	refused(t, err, "licensing", "Activate failed with 0x8007232B")
	_, err = do(guest.ActivationParameters{ProductKey: "nonsense"})
	refused(t, err, "licensing", "0xC004F050")
	_, err = do(guest.ActivationParameters{ProductKey: datacenter2022})
	refused(t, err, "licensing", "0xC004F069")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := net.SplitHostPort(l.Addr().String())
	port, _ := strconv.Atoi(text)
	p := guest.ActivationParameters{ProductKey: standard2022, KMSHost: "127.0.0.1", KMSPort: port, Activate: true}
	if r, err := do(p); err != nil || r.LicenseStatus != statusLicensed || r.Channel != channelKMS || r.PartialKey != "VMK7H" {
		t.Fatalf("%+v, %v", r, err)
	}
	if host, _ := w.software.Text(rearmKey, "KeyManagementServiceName"); host != "127.0.0.1" {
		t.Error("the KMS host is not in the registry")
	}
	_ = l.Close()
	_, err = do(p)
	refused(t, err, "licensing", "0xC004F074")
	if r, err := do(guest.ActivationParameters{ProductKey: privateKey}); err != nil || r.Channel != channelMAK || r.PartialKey != "GGGGG" || r.LicenseStatus != statusNotification {
		t.Errorf("%+v, %v", r, err)
	}
	_, err = do(guest.ActivationParameters{Activate: true})
	refused(t, err, "licensing", "0x80072EE7")

	w = newWorld(t, evaluation)
	_, err = do(guest.ActivationParameters{ProductKey: standard2022})
	refused(t, err, "licensing", "0xC004F069")
	w.software.Open(rearmKey).Unset(partialValue)
	_, err = do(guest.ActivationParameters{})
	refused(t, err, "no-key", "")
}

func TestCleanup(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	for _, name := range []string{`Windows\Temp\a.tmp`, `Windows\Temp\wintemplate-x.log`, downloadFolder + `\b\c.cab`, hiberFile} {
		if err := w.disk.write(name, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	w.setServiceRunning("wuauserv", true)
	w.SupersedeUpdate("Package_for_KB1")
	w.RequireRestart()
	all := guest.CleanupParameters{ComponentStore: true, ResetBase: true, Temp: true, EventLogs: true, Hibernation: true, PageFile: true, Trim: true}
	r, reboot, err := guest.Cleanup.Do(ctx, w.session(), all)
	if err != nil || !bool(reboot) || r.FreedBytes < 3000 || len(r.Steps) != 11 || r.Steps[0].Code != -2146498554 {
		t.Fatalf("%+v, %t, %v", r, bool(reboot), err)
	}
	for _, s := range r.Steps[1:] {
		if s.Code != 0 || s.Error != "" {
			t.Errorf("%+v", s)
		}
	}
	if w.disk.exists(`Windows\Temp\a.tmp`) || w.disk.exists(downloadFolder+`\b`) || w.disk.exists(hiberFile) || !w.disk.exists(`Windows\Temp\wintemplate-x.log`) || w.serviceRunning("wuauserv") {
		t.Error("the wrong things are gone")
	}
	if log, _ := w.disk.read(eventLogFolder + `\System.evtx`); string(log) != "104\r\n" {
		t.Errorf("System's log: %q", log)
	}
	if !w.disk.exists(pageFile) || w.software.Open(packagesKey+`\Package_for_KB1`) == nil {
		t.Error("the page file goes at the restart, and updates stay while one is pending")
	}
	w.restart()
	facts, _, err := guest.Facts.Do(ctx, w.session(), guest.None{})
	if err != nil || !facts.PageFileRemoved || w.disk.exists(pageFile) {
		t.Errorf("the page file is still there: %+v, %v", facts, err)
	}
	if r, reboot, err := guest.Cleanup.Do(ctx, w.session(), guest.CleanupParameters{ComponentStore: true}); err != nil || bool(reboot) || r.Steps[0].Code != 0 || w.software.Open(packagesKey+`\Package_for_KB1`) == nil {
		t.Errorf("without reset_base: %+v, %v", r, err)
	}
	if _, _, err := guest.Cleanup.Do(ctx, w.session(), guest.CleanupParameters{ComponentStore: true, ResetBase: true}); err != nil || w.software.Open(packagesKey+`\Package_for_KB1`) != nil {
		t.Error("the superseded update is still there")
	}
	if r, reboot, err := guest.Cleanup.Do(ctx, w.session(), guest.CleanupParameters{}); err != nil || len(r.Steps) != 0 || bool(reboot) || r.FreedBytes != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if facts, _, err := guest.Facts.Do(ctx, newWorld(t).session(), guest.None{}); err != nil || facts.PageFileRemoved {
		t.Error("a fresh Windows has no page file")
	}
}
