"""Rules: as written (:mod:`text`), validated and hashed (:mod:`rule`), judged (:mod:`lint`), sampled (:mod:`samples`)."""
