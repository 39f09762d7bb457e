$waiting = @()
if ($Parameters.manifest_sha256 -ne '') {
    $marker = "$env:ProgramData\wintemplate\bootstrap.done"
    if (Test-Path -LiteralPath $marker) {
        $done = ConvertFrom-Json -InputObject (Get-Content -LiteralPath $marker -Raw)
        if ($done.manifest_sha256 -ne $Parameters.manifest_sha256) {
            Stop-Operation -Code 'other-build' -Message "the bootstrap's marker $marker names the disc manifest $($done.manifest_sha256), this build's is $($Parameters.manifest_sha256): this machine belongs to another build"
        }
    } else {
        $waiting += 'marker'
    }
}
$setup = 'HKLM:\SYSTEM\Setup'
if ([int](Get-RegistryValue -Key $setup -Name 'OOBEInProgress' -Default 0) -ne 0) { $waiting += 'oobe' }
if ([int](Get-RegistryValue -Key $setup -Name 'SystemSetupInProgress' -Default 0) -ne 0) { $waiting += 'system-setup' }
$state = Get-ImageState
# Audit mode and a sealed image never become complete: preflight tells them apart.
if ($state -notin 'IMAGE_STATE_COMPLETE', 'IMAGE_STATE_SPECIALIZE_RESEAL_TO_AUDIT', 'IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT', 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE') { $waiting += 'image-state' }
$boot = Get-Boot
Complete-Operation -Result @{
    ready          = ($waiting.Count -eq 0)
    waiting_for    = $waiting
    image_state    = $state
    boot_id        = $boot.Id
    uptime_seconds = $boot.UptimeSeconds
}
