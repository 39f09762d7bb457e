package guest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

func TestRecoveryPartitionOption(t *testing.T) {
	t.Parallel()
	var c Config
	if err := c.prepare(raw{"sysprep": raw{"recovery_partition": "delete"}}); err == nil || !strings.Contains(err.Error(), `sysprep: recovery_partition: "delete" is neither remove nor keep`) {
		t.Errorf("got %v", err)
	}
	for given, keep := range map[string]bool{"": false, "remove": false, "keep": true} {
		on := answers{
			"cloudbase.verify": guest.CloudbaseVerifyResult{ServiceStart: -1}, "preflight": guest.PreflightResult{}, "seal": guest.SealResult{},
			"recovery.remove": guest.RecoveryRemoveResult{},
		}
		w := newWindows(t, on)
		if _, err := provision(t, w, raw{"sysprep": raw{"recovery_partition": given}}); err != nil {
			t.Fatal(err)
		}
		var p guest.RecoveryRemoveParameters
		if err := json.Unmarshal(w.sent["recovery.remove"], &p); err != nil || p.Keep != keep {
			t.Errorf("recovery_partition %q: keep %v, %v", given, p.Keep, err)
		}
	}
}
