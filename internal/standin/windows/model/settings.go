package model

import (
	"context"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// Where Windows keeps power settings, by the public GUIDs of powrprof's
// schemes and settings (Microsoft, "Power Policy Settings"). An index is in
// seconds; 0 is never.
const (
	powerKey       = `Control\Power`
	powerSchemes   = powerKey + `\User\PowerSchemes`
	balancedScheme = "381b4222-f694-41f0-9685-ff5bb260df2e"
	sleepGroup     = "238c9fa8-0aad-41ed-83f4-97be242c8f20"
	videoGroup     = "7516b95f-f776-4464-8c53-06167f40cc99"
	hiberFile      = "hiberfil.sys"
	autoUpdateKey  = `Policies\Microsoft\Windows\WindowsUpdate\AU`
)

// powerTimeouts are what `powercfg.exe /change` knows by these names.
var powerTimeouts = []struct{ name, setting string }{
	{"standby-timeout-ac", sleepGroup + `\29f6c1db-86da-48c5-9fdb-f2b67b1f44da`},
	{"hibernate-timeout-ac", sleepGroup + `\9d7815a6-7ee4-497e-8888-515a05f02364`},
	{"monitor-timeout-ac", videoGroup + `\3c0bc021-c8a8-4e07-a973-6b14cbcb2b7e`},
}

// inboxPower: clients sleep, in mid-build too (gusztavvargadr/packer#556,
// #558; StefanScherer/packer-windows#12).
func (m *Model) inboxPower(p windows.Product) {
	cs := m.controlSet()
	cs.SetString(powerSchemes, "ActivePowerScheme", balancedScheme)
	idle := map[string]uint32{"standby-timeout-ac": 900, "hibernate-timeout-ac": 10800, "monitor-timeout-ac": 600}
	for _, t := range powerTimeouts {
		seconds := idle[t.name]
		if p.Server && t.name != "monitor-timeout-ac" {
			seconds = 0
		}
		cs.SetDWord(powerSchemes+`\`+balancedScheme+`\`+t.setting, "ACSettingIndex", seconds)
	}
	cs.SetDWord(powerKey, "HibernateEnabled", map[bool]uint32{false: 1}[p.Server])
}

// hibernateOff does `powercfg.exe /hibernate off`, which deletes the file at
// once (Microsoft KB920730).
func (m *Model) hibernateOff() error {
	m.controlSet().SetDWord(powerKey, "HibernateEnabled", 0)
	return m.disk.remove(hiberFile)
}

func (m *Model) power(_ context.Context, _ caller, _ guest.None) (guest.PowerResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := guest.PowerResult{Steps: []guest.Step{}}
	scheme, _ := m.controlSet().Text(powerSchemes, "ActivePowerScheme")
	for _, t := range powerTimeouts {
		m.controlSet().SetDWord(powerSchemes+`\`+scheme+`\`+t.setting, "ACSettingIndex", 0)
		r.Steps = append(r.Steps, guest.Step{Name: t.name})
	}
	hibernate := guest.Step{Name: "hibernate"}
	if m.hibernateOff() != nil {
		hibernate.Code = 1
	}
	r.Steps = append(r.Steps, hibernate)
	return r, false, nil
}

// updatesPause: the services run again after the next start, the policy holds
// (Microsoft, "Manage additional Windows Update settings": NoAutoUpdate).
func (m *Model) updatesPause(_ context.Context, _ caller, _ guest.None) (guest.UpdatesPauseResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.software.SetDWord(autoUpdateKey, "NoAutoUpdate", 1)
	r := guest.UpdatesPauseResult{Services: []guest.Service{}}
	for _, name := range []string{"wuauserv", "UsoSvc", "bits", "dosvc"} {
		start := m.serviceStart(name)
		if start < 0 {
			continue
		}
		m.setServiceRunning(name, false)
		r.Services = append(r.Services, guest.Service{Name: name, Present: true, Running: m.serviceRunning(name), Start: start})
	}
	return r, false, nil
}
