Send-Beacon -Stage 'guest.drivers.install' -State 'start'
$r = Install-Package -Package $Parameters -LogName 'virtio-win'
Send-Beacon -Stage 'guest.drivers.install' -State 'ok'
Complete-Operation -Reboot $r.reboot -Result @{
    exit_code = $r.exit_code
    log       = $r.log
    version   = (Get-InstalledVersion -Product 'Virtio-win-driver-installer')
}
