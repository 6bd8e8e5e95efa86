using System.Globalization;
using System.Text;
using System.Text.Json;
using CsCheck;
using Notifier.Tests.Names;

namespace Notifier.Tests.Faults;

/// <summary>
/// Generates what an attacker or a faulty client may send: almost valid input, or valid input in the wrong place. Each test limits the number of inputs;
/// <c>NOTIFIER_FUZZ_SECONDS=600</c> replaces that with a time. A failure prints its smallest input and the seed; <c>CsCheck_Seed=…</c> in the environment
/// repeats it.
/// </summary>
internal static class Fuzz
{
    /// <summary>Seconds for each kind of input; -1 for the number of inputs of each test.</summary>
    public static readonly int Seconds = int.Parse(
        Environment.GetEnvironmentVariable("NOTIFIER_FUZZ_SECONDS") ?? "-1", CultureInfo.InvariantCulture);

    private static readonly Gen<string> Word = Gen.OneOf(
        "\"subscribe\"", "\"unsubscribe\"", "\"ping\"", "\"auth\"", "\"publish\"", "\"fuzz.a\"", "\"fuzz.*\"", "\"fuzz.[ab]\"", "\"\"", "\"a\\u0000b\"",
        "\"\\ud800\"", "\"\\ud83d\\ude00\"", "\"notifier:x\"", "\"__x\"", "\"1-1\"", "0", "-1", "1", "3", "1e99", "1e-400", "2147483648", "null", "true", "{}", "[]",
        "[[[[]]]]", "{\"a\":1,\"a\":2}");

    private static readonly Gen<string> Key = Gen.OneOf(
        "type", "type", "type", "id", "channel", "channel", "pattern", "pattern", "after", "last", "token", "later", "TYPE", "\\u0074ype", "data", "key", "");

    private static readonly Gen<string> Value = Gen.Frequency((6, Word), (2, Gen.String[0, 40].Select(Quote)), (1, Gen.Double.Select(static n => n.ToString("R", CultureInfo.InvariantCulture))));

    private static readonly Gen<string> Object = Gen.Select(Key, Value, static (key, value) => $"\"{key}\":{value}").Array[0, 6]
        .Select(static properties => "{" + string.Join(',', properties) + "}");

    private static readonly Gen<string> Right = Gen.Select(
        Gen.OneOf("subscribe", "unsubscribe"), Gen.OneOf("channel", "pattern"), Gen.OneOf("fuzz.a", "fuzz.b", "fuzz.*", "fuzz.?"), Gen.Int[0, 3],
        static (type, kind, name, last) => $$"""{"type":"{{type}}","{{kind}}":"{{name}}","last":{{last}}}""");

    /// <summary>A command, or almost one.</summary>
    public static readonly Gen<byte[]> Command = Gen.Frequency(
        (16, Object.Select(Encoding.UTF8.GetBytes)),
        (8, Right.Select(Encoding.UTF8.GetBytes)),
        (4, Damaged(Gen.OneOf(Object, Right).Select(Encoding.UTF8.GetBytes))),      // most of these close the connection, and Notifier ignores the commands behind them
        (1, Gen.Byte.Array[0, 64]),
        (1, Gen.String[0, 64].Select(static text => Encoding.UTF8.GetBytes(text))));

    /// <summary>The body of <c>POST /publish</c>, or almost one.</summary>
    public static readonly Gen<byte[]> Messages = Gen.Frequency(
        (3, Object.Array[0, 5].Select(static all => Encoding.UTF8.GetBytes($"[{string.Join(',', all)}]"))),
        (3, Message().Array[1, 5].Select(static all => Encoding.UTF8.GetBytes($"[{string.Join(',', all)}]"))),
        (4, Damaged(Message().Array[1, 5].Select(static all => Encoding.UTF8.GetBytes($"[{string.Join(',', all)}]")))),
        (1, Gen.Byte.Array[0, 64]));

    /// <summary>Any payload.</summary>
    public static readonly Gen<byte[]> Payload = Gen.OneOf(
        Gen.Byte.Array[0, 300], Gen.String[0, 100].Select(static text => Encoding.UTF8.GetBytes(text)),
        Gen.OneOf("notifier/1 ", "notifier/1 epoch= id= prev=\nx", "\n\ndata: x", "").Select(Encoding.UTF8.GetBytes));

    /// <summary>A channel, mostly a valid one.</summary>
    public static readonly Gen<byte[]> Channel = Gen.Frequency((3, Globs.Channel), (1, Gen.String[0, 40].Select(static text => Encoding.UTF8.GetBytes(text))), (1, Gen.Byte.Array[0, 300]));

    private static Gen<string> Message() => Gen.Select(Gen.OneOf("fuzz.a", "fuzz.b", "fuzz.*"), Gen.String[0, 20], static (channel, data) =>
        $$"""{"channel":"{{channel}}","data":{{Quote(data)}}}""");

    /// <summary>Replaces, removes, repeats or inserts some bytes.</summary>
    private static Gen<byte[]> Damaged(Gen<byte[]> whole) => Gen.Select(
        whole, Gen.Select(Gen.Int[0, int.MaxValue - 1], Gen.Int[0, 3], Gen.Byte).Array[1, 4], static (bytes, wounds) =>
        {
            var damaged = bytes.ToList();
            foreach (var (at, how, value) in wounds)
            {
                if (damaged.Count == 0)
                    break;
                var place = at % damaged.Count;
                switch (how)
                {
                    case 0:
                        damaged[place] = value;
                        break;
                    case 1:
                        damaged.RemoveAt(place);
                        break;
                    case 2:
                        damaged.InsertRange(place, damaged.GetRange(place, Math.Min(8, damaged.Count - place)));
                        break;
                    default:
                        damaged.Insert(place, value);
                        break;
                }
            }
            return damaged.ToArray();
        });

    /// <summary>Text as a JSON string, unpaired surrogates included.</summary>
    private static string Quote(string text) => '"' + string.Concat(text.Select(static c => c is '"' or '\\' or < ' ' or > '~' ? $"\\u{(int)c:x4}" : c.ToString())) + '"';

    public static string Show(IEnumerable<byte[]> inputs) => JsonSerializer.Serialize(inputs.Select(Globs.Show));
}
