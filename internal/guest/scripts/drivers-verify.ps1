Stop-Operation -Code 'not-yet' -Message 'drivers-verify is not there yet'
