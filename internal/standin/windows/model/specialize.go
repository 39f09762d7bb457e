package model

import (
	"slices"
	"strings"
)

// metadataServices are the classes below cloudbaseinit.metadata.services that
// cloudbase-init 1.1 has.
var metadataServices = []string{
	"azureservice.AzureService", "base.EmptyMetadataService", "cloudstack.CloudStack", "configdrive.ConfigDriveService",
	"ec2service.EC2Service", "gceservice.GCEService", "httpservice.HttpService", "maasservice.MaaSHttpService",
	"nocloudservice.NoCloudConfigDriveService", "opennebulaservice.OpenNebulaService", "packet.PacketService",
	"vmwareguestinfoservice.VMwareGuestInfoService",
}

// CloudbaseSpecialize is cloudbase-init.exe in a clone's specialize pass, by
// its exit code. The script exit codes 1001 to 1003 are those of userdata and
// local scripts, which do not run in this pass. The process itself ends with 0
// also when it finds no metadata, and with 1 on any exception: a conf file that
// is not there, a metadata class that does not exist, and stopping its service,
// which does not run yet (cloudbase-init: init.py, shell.py; 1.1's default is
// stop_service_on_exit=true).
func (m *Model) CloudbaseSpecialize(conf string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := m.disk.read(onC(conf))
	if err != nil {
		return 1
	}
	options := defaultSection(string(b))
	if code := m.host.Faults().CloudbaseInitExit; code != 0 {
		return code
	}
	if services := options["metadata_services"]; services != "" {
		for class := range strings.SplitSeq(services, ",") {
			name, ok := strings.CutPrefix(strings.TrimSpace(class), "cloudbaseinit.metadata.services.")
			if !ok || !slices.Contains(metadataServices, name) {
				return 1
			}
		}
	}
	log := cloudbaseFolder + `\log\cloudbase-init-unattend.log`
	if err := m.disk.write(log, []byte("Cloudbase-Init version: stand-in\r\nNo metadata service found\r\n")); err != nil {
		return 1
	}
	if !strings.EqualFold(options["stop_service_on_exit"], "false") {
		return 1
	}
	return 0
}

// defaultSection reads [DEFAULT] of a conf file.
func defaultSection(text string) map[string]string {
	options, inside := map[string]string{}, false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			inside = line == "[DEFAULT]"
			continue
		}
		if name, value, ok := strings.Cut(line, "="); ok && inside && !strings.HasPrefix(line, "#") {
			options[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return options
}

// Meet is the start of Windows on h for a pass of Setup: no service starts.
func (m *Model) Meet(h Host) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.host, m.disk = h, drive{h.Root()}
}
