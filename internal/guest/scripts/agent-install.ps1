$r = Install-Package -Package $Parameters -LogName 'qemu-ga'
Complete-Operation -Reboot $r.reboot -Result @{
    exit_code = $r.exit_code
    log       = $r.log
    version   = (Get-InstalledVersion -Product 'QEMU guest agent')
}
