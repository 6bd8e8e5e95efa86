using System.Globalization;
using System.Text;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>
/// Notifier delivers the same messages, byte for byte, as redis-server delivers to a plain client with the same patterns.
/// </summary>
public sealed class GlobTests
{
    private static readonly string[] Patterns =
    [
        "*", "?", "??", "a*", "*a", "a*b", "**", "*a*b*", "a?c", "?*", "*?",
        "[abc]", "[^a]", "[a-z]", "[z-a]", "[^a-z]", "[a-]", "[-a]", "[^]", "a[b", "[^", "[a", "[a-", "[a-b",
        @"[\]]", @"[\a-z]", @"[a\-z]", @"[\", @"[^\^]", "[a^]", "[[]", "[*]", "[?]", "x[0-9][0-9]", "[a-c][^b]*",
        @"\*", @"\?", @"\[", @"\\", @"\a", @"a\", @"\", @"a\*b", @"*\", @"\**", @"\a\b",
        "é", "é*", "*é", "?é", "[é]", "[à-ü]", "[^é]", "??é", "日?", "日??", "日???", "日[本-]", "*本", "[日]本", "*😀", "????", @"\é",
    ];

    private static readonly string[] Texts =
    [
        "a", "b", "c", "z", "m", "A", "^", "-", "]", "[", "*", "?", @"\", " ", ".", "ab", "ba", "aa", "ac", "abc", "aXb", "acb", "a*b", "aab", "ab]", "a]", "]a",
        "[a", "[abc]", "a[b", "a[", @"a\", @"\a", @"\*", "*x", "x12", "x1", "x123", "a-z", "a.b.c", "a\nb", "\0", "a\0b",
        "é", "éa", "aé", "àé", "ü", "日", "日本", "日本語", "本", "😀", "a😀", "ééé",
    ];

    /// <summary>Parts of characters, and bytes that occur in no character.</summary>
    private static readonly byte[][] Bytes = [[0xC3], [0xA9], [0xC3, 0xA9, 0xA9], [0xFF], [0x80, 0x61], [0xE6, 0x97], [0x61, 0xFF], [0x7F], [0x00, 0xFF]];

    [Fact]
    public async Task Every_form_of_pattern_receives_exactly_the_channels_that_redis_matches()
    {
        await using var redis = await RedisServer.StartAsync();
        // With small payloads, overlapping patterns need no automatic cover, so that Redis matches each.
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: "Limits:PayloadBytes=16384");
        await using var oracle = await PlainRedisClient.ConnectAsync(redis.Port);
        await using var publisher = await PlainRedisClient.ConnectAsync(redis.Port);
        byte[][] channels = [.. Texts.Select(Encoding.UTF8.GetBytes), .. Bytes];

        var clients = new Dictionary<string, RawWebSocket>();
        foreach (var pattern in Patterns)
            clients.Add(pattern, await RawWebSocket.ConnectAsync(app.WebSocketAddress($"/ws?pattern={Uri.EscapeDataString(pattern)}")));
        await Eventually.IsAsync(async () => await redis.PatternsAsync() == Patterns.Length, "Notifier has subscribed to all patterns");
        foreach (var pattern in Patterns)
        {
            await oracle.SendAsync("PSUBSCRIBE", pattern);
            await oracle.ReadAsync();
        }

        var published = 0L;
        for (var i = 0; i < channels.Length; i++)
        {
            await publisher.SendAsync("PUBLISH"u8.ToArray(), channels[i], Encoding.ASCII.GetBytes(i.ToString(CultureInfo.InvariantCulture)));
            published += long.Parse(await publisher.ReadTextAsync(), CultureInfo.InvariantCulture);
        }
        var expected = Patterns.ToDictionary(pattern => pattern, _ => new List<string>());
        for (var said = 0; said < published / 2; said++)    // the other half are Notifier's
        {
            var push = await oracle.ReadAsync();
            expected[Encoding.UTF8.GetString(push[1])].Add(Encoding.UTF8.GetString(push[3]));
        }

        var wrong = new List<string>();
        foreach (var (pattern, client) in clients)
        {
            var got = new List<string>();
            while (got.Count < expected[pattern].Count)
                got.Add(await client.ReadTextAsync());
            got.AddRange(await client.DrainAsync());
            if (!got.SequenceEqual(expected[pattern]))
                wrong.Add($"{pattern}: {string.Join(' ', got)} instead of {string.Join(' ', expected[pattern])}");
        }
        wrong.Should().BeEmpty();
        expected.Values.Sum(list => list.Count).Should().BeGreaterThan(500, "most patterns must match something");
        await clients.Values.DisposeAllAsync();
    }
}
