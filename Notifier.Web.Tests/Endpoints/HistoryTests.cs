using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>Durable channels over HTTP: publish once, read the history, and get the current position.</summary>
public sealed class HistoryTests : IAsyncLifetime
{
    private RedisServer redis = null!;
    private NotifierApp app = null!;

    public async Task InitializeAsync()
    {
        redis = await RedisServer.StartAsync();
        app = await Publishing.StartAsync(redis.Configuration, "History:Durable:Channels:0=orders.*", "Access:Anonymous:Subscribe:0=orders.*",
            "Access:Anonymous:Subscribe:1=plain", "Access:Anonymous:Publish:0=*");
    }

    public async Task DisposeAsync()
    {
        await app.DisposeAsync();
        await redis.DisposeAsync();
    }

    [Fact]
    public async Task Messages_on_a_durable_channel_are_kept_and_can_be_read_from_a_position()
    {
        var first = await PublishAsync("orders.7", "ordered");
        await PublishAsync("orders.7", "paid");
        await PublishAsync("orders.8", "of another");

        var after = await GetAsync($"/history/orders.7?after={first}");
        after.Json["messages"]!.AsArray().Select(static message => (string?)message!["data"]).Should().Equal("paid");
        ((bool?)after.Json["recovered"]).Should().BeTrue();
        ((bool?)after.Json["more"]).Should().BeFalse();
        var all = await GetAsync("/history/orders.7");
        all.Json["messages"]!.AsArray().Select(static message => (string?)message!["data"]).Should().Equal("ordered", "paid");
        all.Json["recovered"].Should().BeNull();
        ((string?)all.Json["messages"]![0]!["position"]).Should().Be(first);
        DateTimeOffset.Parse((string)all.Json["messages"]![0]!["at"]!, null).Should().BeCloseTo(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task An_idempotency_key_repeated_within_10_minutes_publishes_nothing_and_returns_the_first_answer()
    {
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("pattern", "orders.*");
        var first = await app.PostAsync("/publish/orders.1", "once", null, ("Idempotency-Key", "key-1"));
        var again = await app.PostAsync("/publish/orders.1", "once", null, ("Idempotency-Key", "key-1"));
        var elsewhere = await app.PostAsync("/publish/orders.2", "other channel", null, ("Idempotency-Key", "key-1"));
        var many = await app.PostAsync("/publish", """[{"channel":"orders.1","data":"once","key":"key-1"},{"channel":"orders.1","data":"b","key":"key-2"}]""");

        again.Body.Should().Be($$"""{"channel":"orders.1","redisReceivers":null,"position":"{{first.Json["position"]}}","repeated":true}""");
        ((long?)elsewhere.Json["redisReceivers"]).Should().Be(1);
        ((bool?)many.Json[0]!["repeated"]).Should().BeTrue();
        foreach (var expected in new[] { "once", "other channel", "b" })
            ((string?)(await client.ReadAsync())["data"]).Should().Be(expected);
        var ttl = await redis.Connection.GetDatabase().KeyTimeToLiveAsync("{notifier}:once:9/anonymous:8:orders.1:key-1");
        ttl!.Value.Should().BeCloseTo(TimeSpan.FromMinutes(10), TimeSpan.FromSeconds(10));
    }

    [Theory]
    [InlineData("/publish/plain", "k", "a key requires a durable channel")]
    [InlineData("/publish/orders.1", "", "a key must be 1 to 128 printable ASCII characters")]
    public async Task An_idempotency_key_that_is_empty_or_for_a_channel_that_is_not_durable_is_rejected(string path, string key, string because)
    {
        var answer = await app.PostAsync(path, "x", null, ("Idempotency-Key", key));

        answer.Status.Should().Be(400);
        answer.Detail.Should().Contain(because);
    }

    [Theory]
    [InlineData("/history/plain", 404, "it is not in History:Durable:Channels")]
    [InlineData("/history/secret", 403, "not allowed: secret")]
    [InlineData("/history/", 400, "the channel is empty")]
    [InlineData("/history/orders.1?limit=0", 400, "limit must be a number from 1 to 1000")]
    [InlineData("/history/orders.1?limit=1001", 400, "limit must be a number")]
    [InlineData("/history/orders.1?limit=x", 400, "limit must be a number")]
    public async Task A_history_request_that_cannot_be_served_is_rejected_with_the_reason(string path, int status, string because)
    {
        var answer = await GetAsync(path);

        answer.Status.Should().Be(status);
        answer.Detail.Should().Contain(because);
    }

    [Fact]
    public async Task A_long_history_is_read_page_by_page()
    {
        var position = await PublishAsync("orders.long", "before");
        await redis.Connection.PublishDurablyAsync("orders.long", 0, 250);
        var read = new List<string>();
        bool more;
        do
        {
            var page = await GetAsync($"/history/orders.long?limit=100&after={position}");
            ((bool?)page.Json["recovered"]).Should().BeTrue();
            read.AddRange(page.Json["messages"]!.AsArray().Select(static message => (string)message!["data"]!));
            (position, more) = ((string)page.Json["position"]!, (bool)page.Json["more"]!);
        }
        while (more);

        read.Should().Equal(Enumerable.Range(0, 250).Select(static n => $"{n}"));
    }

    [Fact]
    public async Task An_unknown_position_is_not_recovered_and_the_latest_messages_are_returned()
    {
        await redis.Connection.PublishDurablyAsync("orders.odd", 0, 3);
        foreach (var after in new[] { "~0123456789abcdef.1795547621037961", "abc.17", "~", "~.", "~x.y", "~x.-1" })
        {
            var answer = await GetAsync($"/history/orders.odd?limit=2&after={Uri.EscapeDataString(after)}");
            ((bool?)answer.Json["recovered"]).Should().BeFalse(after);
            answer.Json["messages"]!.AsArray().Select(static message => (string?)message!["data"]).Should().Equal("1", "2");
        }
    }

    [Fact]
    public async Task A_client_that_starts_at_the_position_of_its_rendered_page_misses_no_message()
    {
        await PublishAsync("orders.5", "shown on the page");
        var position = (string)(await GetAsync("/position")).Json["position"]!;
        await redis.Connection.PublishDurablyAsync("orders.5", 0, 3);
        await redis.Connection.PublishDurablyAsync("orders.6", 3, 5);

        await using var client = await JsonClient.ConnectAsync(app);
        var subscribed = await client.AskAsync($$"""{"type":"subscribe","pattern":"orders.*","after":"{{position}}"}""");
        ((bool?)subscribed["recovered"]).Should().BeTrue();
        for (var n = 0; n < 5; n++)
            ((string?)(await client.ReadAsync())["data"]).Should().Be($"{n}");
        await using var quiet = await JsonClient.ConnectAsync(app);
        ((bool?)(await quiet.AskAsync($$"""{"type":"subscribe","channel":"orders.quiet","after":"{{position}}"}"""))["recovered"]).Should().BeTrue();
    }

    [Fact]
    public async Task A_full_redis_rejects_durable_publishing_and_still_delivers_messages()
    {
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "orders.full");
        await PublishAsync("orders.full", "0");
        await redis.Server.ConfigSetAsync("maxmemory", "1mb");

        var refused = await app.PostAsync("/publish/orders.full", "1");

        refused.Status.Should().Be(503);
        refused.Detail.Should().Contain("OOM");
        refused.RetryAfter.Should().NotBeNull();
        await redis.PublishAsync("orders.full", "live");
        ((string?)(await client.ReadAsync())["data"]).Should().Be("0");
        ((string?)(await client.ReadAsync())["data"]).Should().Be("live");
        (await GetAsync("/history/orders.full")).Json["messages"]!.AsArray().Should().HaveCount(1);
    }

    [Fact]
    public async Task A_read_only_redis_rejects_durable_publishing_and_still_delivers_messages()
    {
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "orders.replica");
        var position = await PublishAsync("orders.replica", "0");
        await redis.Server.ExecuteAsync("REPLICAOF", "127.0.0.1", "1");

        (await app.PostAsync("/publish/orders.replica", "1")).Status.Should().Be(503);
        await redis.PublishAsync("orders.replica", "live");

        ((string?)(await client.ReadAsync())["data"]).Should().Be("0");
        ((string?)(await client.ReadAsync())["data"]).Should().Be("live");
        await redis.Server.ExecuteAsync("REPLICAOF", "NO", "ONE");
        await Eventually.IsAsync(async () => (await app.PostAsync("/publish/orders.replica", "2")).Status == 200, "Notifier publishes again");
        ((string?)(await client.ReadAsync())["data"]).Should().Be("2");
        ((bool?)(await GetAsync($"/history/orders.replica?after={position}")).Json["recovered"]).Should().BeTrue();
    }

    [Fact]
    public async Task The_lua_script_is_served_and_publishes_durably_for_a_backend()
    {
        using var http = new HttpClient();
        var script = await http.GetStringAsync(new Uri(app.Address, "/notifier.lua"));
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "orders.lua");
        await redis.Connection.GetDatabase().ExecuteAsync("EVAL", script, 1, "{notifier}:journal", "orders.lua", "from a backend");

        ((string?)(await client.ReadAsync())["data"]).Should().Be("from a backend");
    }

    private async Task<string> PublishAsync(string channel, string payload)
    {
        var answer = await app.PostAsync("/publish/" + channel, payload);
        answer.Status.Should().Be(200, answer.Body);
        return (string)answer.Json["position"]!;
    }

    private async Task<(int Status, JsonNode Json, string Detail)> GetAsync(string path)
    {
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri(app.Address, path));
        var json = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        return ((int)answer.StatusCode, json, (string?)json["detail"] ?? "");
    }
}
