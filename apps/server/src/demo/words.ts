/** Words of page addresses: each is one token of the model in the box, which copies them without error. */
export const WORDS: readonly string[] =
  'cotton otter rain olive willow snow daisy fern topaz ivory spruce granite scarlet pebble bronze shadow mint garden star lantern slate cloud south marble gold atlas prairie sage arrow beacon violet orange crystal canyon winter water pearl bridge tide honey eagle linen field falcon tulip onyx crimson wolf basil hazel flint valley island summer sun quartz maple pepper cobalt candle storm delta copper birch meadow robin cherry apple silver opal juniper glass plum oak green forest ocean mist ridge river ember moon desert autumn west thistle lemon east cabin saffron rose reef nectar ruby orchid red lily fox stone lotus north sky blue velvet harbor lake sand wind coral pine thunder timber ginger teal cedar anchor moss walnut raven lime amber'.split(
    ' ',
  );
