import dataclasses
@dataclasses.dataclass(frozen=True)
class CnnLstm:
    filters: tuple = (64, 64, 128, 128)
    pools: tuple = (2, 4, 4, 4)
    dropout: float = 0.2
    lstm_units: int = 256
    lstm_layers: int = 1
    lstm_dropout: float = 0.2
    momentum: float = 0.99

    def build(self, item_shape, n_classes):
        import keras
        from keras import layers
        from ser_lib.neural.layers import FoldWindows, LocalFeatureBlock, UnfoldWindows
        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        x = FoldWindows()(values)
        x = layers.Reshape((*item_shape, 1))(x)
        w = FoldWindows()(mask)
        for f, p in zip(self.filters, self.pools):
            x = LocalFeatureBlock(f, p, momentum=self.momentum)(x, w)
            x = layers.Dropout(self.dropout)(x)
        x = layers.Flatten()(x)
        x = UnfoldWindows()(x, mask)
        for i in range(self.lstm_layers):
            x = layers.LSTM(self.lstm_units, dropout=self.lstm_dropout, return_sequences=i < self.lstm_layers - 1)(x, mask=mask)
        x = layers.Dense(n_classes, activation="softmax", name="posteriors")(x)
        return keras.Model({"values": values, "mask": mask}, x, name="cnn_lstm")
