namespace Serving.Tests.Episodes;

/// <summary>The first record of a dataset of text episodes as TFDS's own ExampleSerializer wrote it: keys in no order, ragged lists.</summary>
internal static class TfdsRecord
{
    private const string Base64 =
        "CrUKCjsKEmVudmlyb25tZW50X2NvbmZpZxIlCiMKIXsibW9kdWxlIjoiZ2VuIiwiY29uZmlnIjp7Im4iOjR9fQo0CipzdGVwcy9jYW5kaWRhdGVzL3RleH"
        + "QvcmFnZ2VkX3Jvd19sZW5ndGhzXzASBhoECgIDAAogCghhZ2VudF9pZBIUChIKEGJvbi1uNC9wb2xpY3ktdjMKIAoQc3RlcHMvZW50YWlsbWVudBIMEgoK"
        + "CAAAcD8AAAAAChsKEXN0ZXBzL2lzX3Rlcm1pbmFsEgYaBAoCAAEKGQoKZXBpc29kZV9pZBILCgkKB2VwLTAwMDEKIAoPY3JlYXRlZF91bml4X25zEg0aCw"
        + "oJlZqX7OOf58sXCjcKK3N0ZXBzL29ic2VydmF0aW9uL3Rva2Vucy9yYWdnZWRfZmxhdF92YWx1ZXMSCBoGCgQBAgMECj4KKnN0ZXBzL2NhbmRpZGF0ZXMv"
        + "cmV3YXJkL3JhZ2dlZF9mbGF0X3ZhbHVlcxIQEg4KDAAAQD8AAMC/AACAPgocCgxzdGVwcy9yZXdhcmQSDBIKCggAAEA/AAAAAAo2CipzdGVwcy9jYW5kaW"
        + "RhdGVzL3Rva2Vucy9yYWdnZWRfZmxhdF92YWx1ZXMSCBoGCgQKCwwNCjcKLHN0ZXBzL2NhbmRpZGF0ZXMvdG9rZW5zL3JhZ2dlZF9yb3dfbGVuZ3Roc18x"
        + "EgcaBQoDAwABCjYKLHN0ZXBzL2NhbmRpZGF0ZXMvcmV3YXJkL3JhZ2dlZF9yb3dfbGVuZ3Roc18wEgYaBAoCAwAKNgosc3RlcHMvY2FuZGlkYXRlcy90b2"
        + "tlbnMvcmFnZ2VkX3Jvd19sZW5ndGhzXzASBhoECgIDAAoqChBzdGVwcy9yZXdhcmRfZjY0EhYKFAoImpmZmZmZuT8KCAAAAAAAAAAACh4KDnN0ZXBzL2Rp"
        + "c2NvdW50EgwSCgoIAAAAAAAAAAAKPAoWc3RlcHMvb2JzZXJ2YXRpb24vdGV4dBIiCiAKHFN1bW1hcmlzZTogY2Fmw6kg5L2g5aW9IPCfmIAKAAo3Ci1zdG"
        + "Vwcy9vYnNlcnZhdGlvbi90b2tlbnMvcmFnZ2VkX3Jvd19sZW5ndGhzXzASBhoECgIEAAoYCg5zdGVwcy9pc19maXJzdBIGGgQKAgEACjMKDHN0ZXBzL2hp"
        + "ZGRlbhIjCiEKEnicY2AAgQZ7IHEAiO0BC0YBvwoLeJxjYEAFAAAQAAEKFwoNc3RlcHMvaXNfbGFzdBIGGgQKAgABChoKDWV4cGVyaW1lbnRfaWQSCQoHCg"
        + "VleHAtYQoxCiZzdGVwcy9hY3Rpb24vdG9rZW5zL3JhZ2dlZF9mbGF0X3ZhbHVlcxIHGgUKAwoLDAo8CihzdGVwcy9hY3Rpb24vbG9ncHJvYnMvcmFnZ2Vk"
        + "X2ZsYXRfdmFsdWVzEhASDgoMAAAAvwAAoL8AAIC9CjIKKHN0ZXBzL2FjdGlvbi90b2tlbnMvcmFnZ2VkX3Jvd19sZW5ndGhzXzASBhoECgIDAAoQCgdpbn"
        + "ZhbGlkEgUaAwoBAAorChFzdGVwcy9hY3Rpb24vdGV4dBIWChQKEEEgc2hvcnQgc3VtbWFyeS4KAApJCihzdGVwcy9jYW5kaWRhdGVzL3RleHQvcmFnZ2Vk"
        + "X2ZsYXRfdmFsdWVzEh0KGwoQQSBzaG9ydCBzdW1tYXJ5LgoACgVPdGhlcgo0CipzdGVwcy9hY3Rpb24vbG9ncHJvYnMvcmFnZ2VkX3Jvd19sZW5ndGhzXz"
        + "ASBhoECgIDAA==";

    public static byte[] Payload() => Convert.FromBase64String(Base64);
}
