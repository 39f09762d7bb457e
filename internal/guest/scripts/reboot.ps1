Stop-Operation -Code 'not-yet' -Message 'reboot is not there yet'
