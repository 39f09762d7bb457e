package windows

import "testing"

func TestBaseEdition(t *testing.T) {
	for id, want := range map[string]string{
		"ServerStandard": "ServerStandard", "ServerStandardCor": "ServerStandard", "ServerDatacenterCore": "ServerDatacenter",
		"serverstandardevalcor": "serverstandardeval", "ServerStandardEvalCore": "ServerStandardEval", "ServerTurbineCor": "ServerTurbine",
		// Home is no server without its desktop.
		"Core": "Core", "CoreN": "CoreN", "CoreSingleLanguage": "CoreSingleLanguage", "IoTCore": "IoTCore", "ServerCore": "ServerCore", "": "",
	} {
		if got := BaseEdition(id); got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	if !SameEdition("SERVERSTANDARDCOR", "ServerStandard") || SameEdition("ServerStandardCor", "ServerStandardEval") || SameEdition("ServerStandardCor", "ServerDatacenterCor") {
		t.Error("editions are mixed up")
	}
}

func TestIsEvaluation(t *testing.T) {
	for id, want := range map[string]bool{
		"ServerStandardEval": true, "ServerStandardEvalCor": true, "ServerDatacenterEvalCore": true, "EnterpriseSEval": true, "enterpriseeval": true,
		"ServerStandard": false, "ServerStandardCor": false, "Core": false, "": false,
	} {
		if got := IsEvaluation(id); got != want {
			t.Errorf("%s: %v", id, got)
		}
	}
}

// TestServerCoreKeys: Server Core has the keys of the edition with the desktop,
// whichever id it goes by.
func TestServerCoreKeys(t *testing.T) {
	core, err := ProductOf(20348, InstallationServerCore)
	if err != nil {
		t.Fatal(err)
	}
	client, err := ProductOf(26100, InstallationClient)
	if err != nil {
		t.Fatal(err)
	}
	const standard = "VDYBN-27WPP-V4HQT-9VMD4-VMK7H"
	for _, id := range []string{"ServerStandard", "ServerStandardCor", "ServerStandardCore"} {
		if key, ok := KMSClientKey(core, id); !ok || key != standard {
			t.Errorf("%s: %q", id, key)
		}
		if !KeyFits(core, id, standard) || KeyFits(core, id, "WX4NM-KYWYW-QJJR4-XV3QB-6VM33") {
			t.Errorf("%s: another key fits than its own", id)
		}
	}
	if key, ok := KMSClientKey(core, "ServerStandardEvalCor"); ok {
		t.Errorf("an evaluation has the key %s", key)
	}
	if key, ok := InstallKey(client, "Core"); !ok || key != "YTMG3-N6DKC-DKB77-7M9GH-8HVX7" {
		t.Errorf("Home: %q", key)
	}
}
