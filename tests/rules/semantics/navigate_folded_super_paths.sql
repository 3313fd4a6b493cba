t.r.inputTokens;
variant_extract(t.r, 'inputtokens');

t.r."inputTokens";
variant_extract(t.r, 'inputTokens');
