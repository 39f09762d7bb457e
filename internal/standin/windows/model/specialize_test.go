package model

import (
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/cloudbase"
)

// TestCloudbaseSpecialize: what this project writes lets cloudbase-init end
// with 0, for every cloud; what the installer leaves does not.
func TestCloudbaseSpecialize(t *testing.T) {
	w := newWorld(t)
	const conf = `C:\` + cloudbaseFolder + `\conf\cloudbase-init-unattend.conf`
	try := func(text string) int {
		t.Helper()
		if err := w.disk.write(onC(conf), []byte(text)); err != nil {
			t.Fatal(err)
		}
		return w.CloudbaseSpecialize(conf)
	}
	if code := w.CloudbaseSpecialize(conf); code != 1 {
		t.Errorf("no conf: %d", code)
	}
	for _, cloud := range cloudbase.Clouds() {
		if cloud == "custom" {
			continue
		}
		files, err := cloudbase.Render(cloudbase.Settings{Cloud: cloud})
		if err != nil {
			t.Fatal(err)
		}
		if code := try(files.Unattend); code != 0 {
			t.Errorf("%s: %d with\n%s", cloud, code, files.Unattend)
		}
	}
	for name, text := range map[string]string{
		"the service is to be stopped": "[DEFAULT]\r\nallow_reboot=false\r\n",
		"a misspelt class":             "[DEFAULT]\r\nstop_service_on_exit=false\r\nmetadata_services=cloudbaseinit.metadata.services.cloudstack.Cloudstack\r\n",
	} {
		if code := try(text); code != 1 {
			t.Errorf("%s: %d", name, code)
		}
	}
	w.faults.CloudbaseInitExit = 255
	if code := try("[DEFAULT]\r\nstop_service_on_exit=false\r\n"); code != 255 {
		t.Errorf("the fault: %d", code)
	}
}
