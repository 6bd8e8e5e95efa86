using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>
/// <c>POST /events</c> has names in its body. The address of <c>GET /events</c> cannot have as many as a connection may: Kestrel and proxies allow about 8 KiB.
/// </summary>
public sealed class EventsFormTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    /// <summary>As many names as a connection may have, each as long as a name may be, and with characters that need three bytes each.</summary>
    private static string[] LongestNames { get; } = [.. Enumerable.Range(100, 128).Select(static n => $"{n}{new string('ü', 126)}")];

    [Theory]
    [InlineData(Listen.Plain, "1.1")]
    [InlineData(Listen.Tls, "1.1")]
    [InlineData(Listen.Tls, "2.0")]
    public async Task A_form_of_128_names_of_255_bytes_is_subscribed_to_and_receives_messages(Listen listen, string version)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
        var parameters = LongestNames.SelectMany(static name => new[] { ("channel", name), ("after", new string('p', 116)) });
        using var client = await EventClient.PostAsync(app, Form([.. parameters]), Version.Parse(version));

        var subscribed = new List<string>();
        while (subscribed.Count < LongestNames.Length)
            subscribed.Add((string)(await client.NextAsync())["channel"]!);

        subscribed.Should().BeEquivalentTo(LongestNames);
        await Redis.PublishAsync(LongestNames[^1], "hello");
        ((string?)(await client.NextAsync())["data"]).Should().Be("hello");
    }

    [Theory]
    [InlineData(Listen.Plain, "1.1", 128)]
    [InlineData(Listen.Tls, "2.0", 30)]     // Kestrel reads at most 32 KiB of a header of HTTP/2
    public async Task An_address_with_so_many_names_is_answered_with_414_and_the_way_out(Listen listen, string version, int names)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen, settings: "Access:AllowedOrigins:0=https://shop.example");
        using var listening = await EventClient.ListenAsync(app, "?channel=events.short", Version.Parse(version));
        using var client = await EventClient.OpenAsync(
            app, "?" + string.Join('&', LongestNames.Take(names).Select(static name => $"channel={Uri.EscapeDataString(name)}")), Version.Parse(version),
            headers: ("Origin", "https://shop.example"));

        client.Response.StatusCode.Should().Be(HttpStatusCode.RequestUriTooLong);
        ((string?)JsonNode.Parse(await client.ReadAllAsync())!["detail"]).Should().Contain("POST /events").And.Contain("8192 bytes");
        client.Response.Headers.GetValues("Access-Control-Allow-Origin").Should().Equal("https://shop.example");
    }

    [Theory]
    [InlineData("Limits:NamesPerConnection=150", "Limits:NameBytes=4096", 150, 4096)]
    [InlineData("Limits:NamesPerConnection=1", "Limits:NameBytes=10", 1, 10)]
    public async Task The_longest_body_that_is_read_has_room_for_all_names_that_the_limits_allow(string names, string bytes, int count, int length)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: [names, bytes]);
        using var client = await EventClient.PostAsync(app, Raw(string.Join('&', Enumerable.Range(0, count).Select(
            n => $"channel={n:0000}{string.Concat(Enumerable.Repeat("%61", length - 4))}&after={new string('p', 116)}&last=1000000"))));

        for (var n = 0; n < count; n++)
            ((string?)(await client.NextAsync())["type"]).Should().Be("subscribed");
    }

    [Fact]
    public async Task A_form_has_all_parameters_of_the_address_and_its_names_follow_those_of_the_address()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var keeper = await JsonClient.ConnectAsync(app);
        var position = (string)(await keeper.SubscribeAsync("channel", "form.a b+c"))["position"]!;
        await Redis.PublishAsync("form.a b+c", "missed");
        await keeper.ReadAsync();

        using var resumed = await EventClient.PostAsync(app, Form(("channel", "form.a b+c"), ("lastEventId", position)));
        using var last = await EventClient.PostAsync(app, Form(("channel", "form.x"), ("pattern", "form.a*"), ("last", ""), ("last", "1")));

        (await resumed.NextAsync()).Bare().Should().Be("""{"type":"subscribed","channel":"form.a b+c","recovered":true}""");
        ((string?)(await resumed.NextAsync())["data"]).Should().Be("missed");
        var said = new[] { await last.NextAsync(), await last.NextAsync() };
        said.Select(Json.Bare).Should().BeEquivalentTo("""{"type":"subscribed","channel":"form.x"}""", """{"type":"subscribed","pattern":"form.a*"}""");
    }

    [Fact]
    public async Task A_form_is_checked_like_an_address_before_it_is_read()
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration,
            settings: [.. TestToken.Settings, "Access:Anonymous:Subscribe:0=form.open", "Access:AllowedOrigins:0=https://shop.example"]);
        using var foreign = await EventClient.PostAsync(app, Form(("channel", "form.open")), headers: ("Origin", "https://evil.example"));
        using var allowed = await EventClient.PostAsync(app, Form(("channel", "form.open")), headers: ("Origin", "https://shop.example"));
        using var refused = await EventClient.PostAsync(app, Form(("channel", "form.secret")));
        using var granted = await EventClient.PostAsync(
            app, Form(("channel", "form.secret")), headers: ("Authorization", $"Bearer {TestToken.Of(DateTimeOffset.UtcNow.AddMinutes(5), "form.*")}"));
        using var invalid = await EventClient.PostAsync(app, Form(("channel", "form.open")), headers: ("Authorization", "Bearer a.b.c"));

        Statuses(foreign, allowed, refused, granted, invalid).Should().Equal(403, 200, 403, 200, 401);
        allowed.Response.Headers.GetValues("Access-Control-Allow-Origin").Should().Equal("https://shop.example");
        (await granted.NextAsync()).Bare().Should().Be("""{"type":"subscribed","channel":"form.secret"}""");
    }

    [Fact]
    public async Task A_body_that_is_no_form_or_too_large_or_too_slow_is_answered_with_a_problem()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Limits:RequestTimeout=00:00:01");
        using var json = await EventClient.PostAsync(app, new StringContent("""{"channel":"a"}""", Encoding.UTF8, "application/json"));
        using var empty = await EventClient.PostAsync(app, Form());
        using var notUtf8 = await EventClient.PostAsync(app, Raw("channel=%FF"));
        using var large = await EventClient.PostAsync(app, Raw($"channel={new string('x', 130_000)}"));
        var slow = await RawHttp.AskAsync(
            app, "POST /events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nchannel=a");

        Statuses(json, empty, notUtf8, large).Should().Equal(415, 400, 400, 413);
        slow.Should().StartWith("HTTP/1.1 408 ").And.Contain("Limits:RequestTimeout");
        (await large.ReadAllAsync()).Should().Contain("122496 bytes");
        await Eventually.IsAsync(() => app.Connections.Count == 0, "no request counts as a connection any more");
    }

    private static IEnumerable<int> Statuses(params EventClient[] clients) => clients.Select(static client => (int)client.Response.StatusCode);

    private static FormUrlEncodedContent Form(params (string Name, string Value)[] parameters) => new(parameters.Select(static one => KeyValuePair.Create(one.Name, one.Value)));

    private static StringContent Raw(string body) => new(body, Encoding.ASCII, "application/x-www-form-urlencoded");
}
