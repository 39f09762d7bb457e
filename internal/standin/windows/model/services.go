package model

import (
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

// Values of a service's Start and Type.
const (
	startBoot     = 0
	startSystem   = 1
	startAuto     = 2
	startDemand   = 3
	startDisabled = 4

	kernelDriver = 1
	ownProcess   = 16
	shareProcess = 32

	svchost = `%SystemRoot%\System32\svchost.exe -k netsvcs -p`
)

// service is what the service control manager keeps of one service.
type service struct {
	Name  string
	Start uint32
	Type  uint32
	Image string
	Needs []string
}

func (m *Model) addService(s service) {
	k := m.controlSet().Create(servicesKey + `\` + s.Name)
	k.Set(regf.DWordValue("Start", s.Start))
	k.Set(regf.DWordValue("Type", s.Type))
	k.Set(regf.DWordValue("ErrorControl", 1))
	k.Set(regf.ExpandStringValue("ImagePath", s.Image))
	if len(s.Needs) > 0 {
		k.Set(regf.MultiStringValue("DependOnService", s.Needs))
	}
}

// serviceStart is the Start value, -1 when there is no such service.
func (m *Model) serviceStart(name string) int {
	n, ok := m.controlSet().Number(servicesKey+`\`+name, "Start")
	if !ok {
		return -1
	}
	return int(n)
}

// setServiceStart does `sc.exe config … start=`; 1060 is "no such service".
func (m *Model) setServiceStart(name string, start uint32, delayed bool) (exit int) {
	k := m.controlSet().Open(servicesKey + `\` + name)
	if k == nil {
		return 1060
	}
	k.Set(regf.DWordValue("Start", start))
	k.Unset("DelayedAutostart")
	if delayed {
		k.Set(regf.DWordValue("DelayedAutostart", 1))
	}
	return 0
}

func (m *Model) serviceRunning(name string) bool { return m.running[strings.ToLower(name)] }

func (m *Model) setServiceRunning(name string, running bool) {
	m.running[strings.ToLower(name)] = running
}

// startServices starts what starts by itself. cloudbase-init that is left
// automatic runs at the build's next start: it renames the machine and takes
// the password away (cloudbase-init's installer, ServiceInstall Start="auto").
func (m *Model) startServices() {
	services := m.controlSet().Open(servicesKey)
	for _, k := range services.Subkeys() {
		start, ok := k.Number("", "Start")
		kind, _ := k.Number("", "Type")
		if !ok || start > startAuto || kind < ownProcess {
			continue
		}
		m.setServiceRunning(k.Name, true)
		if strings.EqualFold(k.Name, cloudbaseService) {
			m.runCloudbaseInit()
		}
	}
	// The guest agent ends at once without its port.
	if !m.hasVirtioSerial() {
		m.setServiceRunning(agentService, false)
	}
}
