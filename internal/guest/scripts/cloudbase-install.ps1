Stop-Operation -Code 'not-yet' -Message 'cloudbase-install is not there yet'
