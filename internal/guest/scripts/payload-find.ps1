Stop-Operation -Code 'not-yet' -Message 'payload-find is not there yet'
