package cloudbase

import "testing"

func TestIsInstaller(t *testing.T) {
	for name, want := range map[string]bool{
		"CloudbaseInitSetup_x64.msi":                       true,
		"CloudbaseInitSetup_1_1_8_x64.msi":                 true,
		"Cloudbase-Init.msi":                               true,
		"our-cloudbase-1.1.8.MSI":                          true,
		"wintemplate/payload/CloudbaseInitSetup_Arm64.msi": true,
		"cloudbase-init.conf":                              false,
		"agent.msi":                                        false,
		"cloudbase/agent.msi":                              false,
	} {
		if got := IsInstaller(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
