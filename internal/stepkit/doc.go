// Package stepkit is the one way this plugin writes a multistep step.
//
// A step is a named struct with a Title and a Do that returns an error. Its
// Run and Cleanup are one line each and hand over to this package:
//
//	func (s *stepDefine) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
//		return stepkit.Run(ctx, bag, s)
//	}
//	func (s *stepDefine) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }
//
// The two lines are not saved by a generic wrapper on purpose: Packer's runner
// finds a step's name by reflection (multistep_runner.go, typeName), so a
// wrapper would be called "wrapper" in every -debug and -on-error=ask prompt,
// and -on-error=run-cleanup-provisioner would not find StepProvision.
//
// What the kit adds: typed state keys, one place that shows and stores an
// error (redacted), clean-up with a deadline of its own, and a journal on disk
// of everything the build creates, written before the thing is created. A
// second Ctrl-C kills the plugin at once; the journal then says what is left.
package stepkit
