using System.Globalization;
using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.History.Durable;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>A visitor once could use a backend's idempotency key first, and the backend's message was never published.</summary>
public sealed class IdempotencyKeyTests : IAsyncLifetime
{
    private const string Key = "0123456789abcdef-backend";

    private DurableRedis redis = null!;
    private NotifierApp app = null!;

    public async Task InitializeAsync()
    {
        redis = await DurableRedis.StartAsync("redis");
        app = await Publishing.StartAsync(
            redis.Configuration, "Limits:RequestsPerSecond=100000", "History:Durable:Channels:0=orders.*", "Access:Anonymous:Subscribe:0=*", "Access:Anonymous:Publish:0=*",
            $"Access:Tokens:Secret={TestToken.Secret}", $"Access:Tokens:Audience={TestToken.Audience}", $"Access:Tokens:Issuer={TestToken.Issuer}",
            "Access:ApiKeys:0:Name=shop", $"Access:ApiKeys:0:Secret={Key}", "Access:ApiKeys:0:Publish:0=*",
            "Access:ApiKeys:1:Name=other", $"Access:ApiKeys:1:Secret={Key}2", "Access:ApiKeys:1:Publish:0=*");
    }

    public async Task DisposeAsync()
    {
        await app.DisposeAsync();
        await redis.DisposeAsync();
    }

    [Fact]
    public async Task A_key_of_one_publisher_does_not_concern_another()
    {
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "orders.1");
        (string Name, string Value)[] publishers =
        [
            ("X-Nothing", ""), ("X-Api-Key", Key), ("X-Api-Key", Key + "2"), ("Authorization", $"Bearer {TokenOf("1")}"), ("Authorization", $"Bearer {TokenOf("2")}"),
        ];
        for (var n = 0; n < publishers.Length; n++)
            (await PublishAsync($"{n}", publishers[n])).Json["repeated"].Should().BeNull();
        await redis.Connection.PublishDurablyAsync("orders.1", "5", "order-7-created");
        await client.ReadNumbersAsync(0, 6);

        for (var n = 0; n < publishers.Length; n++)
            ((bool?)(await PublishAsync($"{n}", publishers[n])).Json["repeated"]).Should().BeTrue();
    }

    [Fact]
    public async Task A_key_that_arrives_again_with_another_payload_is_rejected_with_422()
    {
        await PublishAsync("created", ("X-Api-Key", Key));

        var other = await PublishAsync("cancelled", ("X-Api-Key", Key));
        var many = await app.PostAsync(
            "/publish", """[{"channel":"orders.1","data":"a"},{"channel":"orders.1","data":"cancelled","key":"order-7-created"}]""", null, ("X-Api-Key", Key));

        other.Status.Should().Be(422);
        other.Detail.Should().Contain("this key was used for another payload");
        many.Status.Should().Be(422);
        many.Detail.Should().StartWith("message 1: this key was used for another payload");
        ((int?)many.Json["published"]).Should().Be(1);
        (await app.PostAsync("/publish/orders.2", "cancelled", null, ("X-Api-Key", Key), ("Idempotency-Key", "order-7-created"))).Status.Should().Be(200, "a key belongs to a channel");
    }

    [Fact]
    public async Task A_visitor_can_store_only_some_keys_and_others_are_not_affected()
    {
        var visitor = ("Authorization", $"Bearer {TokenOf("1")}");
        var before = await UsedBytesAsync();
        JsonArray Batch(int from, int count) => [.. Enumerable.Range(from, count).Select(n => (JsonNode)new JsonObject
        {
            ["channel"] = "orders.1", ["data"] = "", ["key"] = $"{n}".PadLeft(128, 'k'),
        })];

        // The ten minutes that count may end in between.
        var answers = new List<PublishAnswer>();
        for (var n = 0; n < 3 * KeyScope.VisitorLimit && answers.LastOrDefault() is null or { Status: 200 }; n += 250)
            answers.Add(await app.PostAsync("/publish", Batch(n, 250).ToJsonString(), null, visitor));
        var over = await app.PostAsync("/publish/orders.1", "x", null, visitor, ("Idempotency-Key", "one more"));

        answers.Take(4).Select(static answer => answer.Status == 200 ? "200" : answer.Body).Should().Equal("200", "200", "200", "200");
        over.Status.Should().Be(429);
        over.Detail.Should().Contain("too many idempotency keys");
        over.RetryAfter.Should().BeGreaterThan(TimeSpan.Zero).And.BeLessThanOrEqualTo(KeyScope.Window);
        (await app.PostAsync("/publish/orders.1", "x", null, visitor)).Status.Should().Be(200, "a message without a key is not limited");
        (await PublishAsync("x", ("Authorization", $"Bearer {TokenOf("2")}"))).Status.Should().Be(200);
        (await PublishAsync("x", ("X-Api-Key", Key))).Status.Should().Be(200);
        var kibibytes = (await UsedBytesAsync() - before) / 1024;
        AbuseTable.Add(
            "messages with ever new idempotency keys of 128 characters", $"{KeyScope.VisitorLimit:N0} keys a visitor in ten minutes, 1 KiB each",
            string.Create(CultureInfo.InvariantCulture, $"{answers.Count(static answer => answer.Status == 200) * 250:N0} keys, {kibibytes:N0} KiB with their messages"));
    }

    /// <summary>Until the last node of an earlier version is gone, a backend may repeat a request that such a node has served.</summary>
    [Fact]
    public async Task A_backends_key_is_shared_with_earlier_nodes_as_long_as_they_exist()
    {
        await redis.Connection.EnsureJournalAsync();
        await redis.Connection.GetDatabase().HashSetAsync(JournalScripts.State, "lines", "1");
        var first = (string)(await redis.Connection.PublishWithEarlierScriptAsync("orders.1", "x", "order-7-created"))[0]!;

        ((string?)(await PublishAsync("x", ("X-Api-Key", Key))).Json["position"]).Should().Be(first);
        (await PublishAsync("x", ("Authorization", $"Bearer {TokenOf("1")}"))).Json["repeated"].Should().BeNull("visitors have keys of their own");
        var own = (string)(await app.PostAsync("/publish/orders.2", "x", null, ("X-Api-Key", Key), ("Idempotency-Key", "order-7-created"))).Json["position"]!;
        ((string?)(await redis.Connection.PublishWithEarlierScriptAsync("orders.2", "x", "order-7-created"))[0]).Should().Be(own);
    }

    private Task<PublishAnswer> PublishAsync(string payload, (string Name, string Value) credentials) =>
        app.PostAsync("/publish/orders.1", payload, null, credentials, ("Idempotency-Key", "order-7-created"));

    private async Task<long> UsedBytesAsync()
    {
        var memory = await redis.Connection.GetServers().Single().InfoAsync("memory");
        return long.Parse(memory.Single().Single(static pair => pair.Key == "used_memory").Value, CultureInfo.InvariantCulture);
    }

    private static string TokenOf(string subject)
    {
        var payload = TestToken.Payload(DateTimeOffset.UtcNow.AddHours(1), "*");
        payload["sub"] = subject;
        payload["publish"] = new JsonArray("*");
        return TestToken.Sign(payload);
    }
}
