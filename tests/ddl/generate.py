class Generator:
    def __init__(self, rng, mariadb):
        pass
