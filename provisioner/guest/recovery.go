package guest

import (
	"context"
	"fmt"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

// The values of recovery_partition.
const (
	removeRecovery = "remove"
	keepRecovery   = "keep"
)

func (s *Sysprep) prepareRecovery() []error {
	switch s.RecoveryPartition {
	case "":
		s.RecoveryPartition = removeRecovery
	case removeRecovery, keepRecovery, unknown:
	default:
		return []error{fmt.Errorf("recovery_partition: %q is neither %s nor %s", s.RecoveryPartition, removeRecovery, keepRecovery)}
	}
	return nil
}

// recovery makes drive C: the last partition of its disk, or leaves the
// recovery partition behind it to the user.
func (s *Sysprep) recovery(ctx context.Context, r *run) error {
	done, _, err := guest.RecoveryRemove.Do(ctx, r.session, guest.RecoveryRemoveParameters{Keep: s.RecoveryPartition == keepRecovery})
	if err != nil {
		return fmt.Errorf("the recovery partition: %w", err)
	}
	for _, p := range done.Removed {
		r.ui.Say(fmt.Sprintf("Windows RE was disabled and its partition %d (%d MB) removed; drive C: has %d MB now", p.Number, p.Size>>20, done.SizeAfter>>20))
	}
	for _, p := range done.Kept {
		r.ui.Say(fmt.Sprintf("The recovery partition %d (%d MB) stays", p.Number, p.Size>>20))
	}
	return nil
}
