using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>The pages of <c>GET /history</c> are limited in bytes, and together they have every message once.</summary>
public sealed class HistoryPageTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int PageBytes = 256 * 1024;

    private static readonly int[] BinarySizes = [1, 6_143, 6_144, 6_145, 12_289, 100_000];
    private static readonly int[] TextSizes = [1_535, 1_536, 1_537, 6_144, 20_001];

    private static readonly HttpClient Http = new();

    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task Pages_have_a_limited_size_and_together_every_message_in_order()
    {
        await using var app = await StartAsync();
        var payloads = Enumerable.Range(0, 60).Select(static n => $"{n} {new string((char)('a' + (n % 26)), n * 1_000)}").ToArray();
        var position = await Redis.PublishDurablyAsync("pages.many", "before");
        foreach (var payload in payloads)
            await Redis.PublishDurablyAsync("pages.many", payload);

        var (read, pages, more) = (new List<string>(), 0, true);
        while (more)
        {
            var page = await GetAsync(app, $"/history/pages.many?limit=1000&after={position}");
            string[] some = [.. page["messages"]!.AsArray().Select(static message => (string)message!["data"]!)];
            some.Sum(static payload => payload.Length).Should().BeLessThanOrEqualTo(PageBytes);
            ((bool?)page["recovered"]).Should().BeTrue();
            read.AddRange(some);
            (position, more, pages) = ((string)page["position"]!, (bool)page["more"]!, pages + 1);
        }

        read.Should().Equal(payloads);
        pages.Should().BeGreaterThan(5);
    }

    [Fact]
    public async Task A_page_has_one_message_at_least_however_large_it_is()
    {
        await using var app = await StartAsync();
        var position = await Redis.PublishDurablyAsync("pages.large", "before");
        var large = new string('x', 512 * 1024);
        for (var n = 0; n < 2; n++)
            await Redis.PublishDurablyAsync("pages.large", large);

        var first = await GetAsync(app, $"/history/pages.large?after={position}");
        var second = await GetAsync(app, $"/history/pages.large?after={first["position"]}");

        foreach (var (page, more) in new[] { (first, true), (second, false) })
        {
            page["messages"]!.AsArray().Should().ContainSingle().Which!["data"]!.GetValue<string>().Should().Be(large);
            ((bool?)page["more"]).Should().Be(more);
        }
    }

    [Fact]
    public async Task Without_a_position_the_latest_messages_are_returned_as_far_as_they_fit()
    {
        await using var app = await StartAsync();
        for (var n = 0; n < 10; n++)
            await Redis.PublishDurablyAsync("pages.last", $"{n}{new string('x', 60_000)}");

        var page = await GetAsync(app, "/history/pages.last");

        page["messages"]!.AsArray().Select(static message => ((string)message!["data"]!)[..1]).Should().Equal("6", "7", "8", "9");
        ((bool?)page["more"]).Should().BeFalse();
        page["recovered"].Should().BeNull();
    }

    /// <summary>An answer is written in pieces, which may end within a character or within three bytes of base64.</summary>
    [Fact]
    public async Task Text_and_bytes_of_every_size_arrive_unchanged()
    {
        await using var app = await StartAsync();
        byte[][] binary = [.. BinarySizes.Select(static size => (byte[])[.. Enumerable.Range(0, size).Select(static n => (byte)(0xFF - n))])];
        string[] texts = ["", "a", .. TextSizes.Select(static size => "x" + string.Concat(Enumerable.Repeat("é\"\u0001😀", size)))];
        foreach (var payload in binary)
            await Redis.PublishDurablyAsync("pages.binary", payload);
        foreach (var text in texts)
            await Redis.PublishDurablyAsync("pages.text", text);

        var bytes = await GetAsync(app, "/history/pages.binary");
        var strings = await GetAsync(app, "/history/pages.text");

        bytes["messages"]!.AsArray().Select(static message => Convert.FromBase64String((string)message!["base64"]!)).Should().BeEquivalentTo(binary, static all => all.WithStrictOrdering());
        strings["messages"]!.AsArray().Select(static message => (string)message!["data"]!).Should().Equal(texts);
    }

    private Task<NotifierApp> StartAsync() => Publishing.StartAsync(Redis.Configuration, "History:Durable:Channels:0=pages.*");

    private static async Task<JsonNode> GetAsync(NotifierApp app, string path) => JsonNode.Parse(await Http.GetStringAsync(new Uri(app.Address, path)))!;
}
