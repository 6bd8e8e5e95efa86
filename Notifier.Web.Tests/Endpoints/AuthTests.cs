using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>A client sends a token on an open connection: <c>auth</c> replaces its grants.</summary>
public sealed class AuthTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task A_client_that_authenticates_is_subscribed_to_its_granted_names_and_the_default_names()
    {
        await using var app = await StartAsync("Subscriptions:Default:0=auth.default", "Subscriptions:Default:1=secret.default");
        await using var client = await JsonClient.ConnectAsync(app);

        var before = await client.AskAsync("""{"type":"subscribe","channel":"auth.one","id":1}""");
        // The client does not wait for an answer: Notifier checks the subscribe command against the new token.
        await client.SendAsync($$"""{"type":"auth","id":2,"token":"{{Token("auth.*")}}"}""");
        await client.SendAsync("""{"type":"subscribe","channel":"auth.one","id":3}""");
        var answers = new[] { await client.ReadAsync(), await client.ReadAsync(), await client.ReadAsync() };

        before.Bare().Should().Be("""{"type":"error","id":1,"channel":"auth.one","code":"forbidden","message":"nothing is open here without a token"}""");
        ((string?)answers[0]["type"], (int?)answers[0]["id"]).Should().Be(("authenticated", 2));
        ((int?)answers[0]["in"]).Should().BeInRange(290, 300);
        answers[1..].Select(Json.Bare).Should().BeEquivalentTo(
            """{"type":"subscribed","channel":"auth.default"}""", """{"type":"subscribed","id":3,"channel":"auth.one"}""");
    }

    [Fact]
    public async Task Names_outside_a_new_token_are_unsubscribed_as_revoked_and_the_others_still_receive()
    {
        await using var app = await StartAsync();
        await using var client = await ConnectAsync(app, "auth.*", "other");
        await client.SubscribeAsync("channel", "auth.keep.a");
        await client.SubscribeAsync("channel", "auth.lose.a");
        await client.SubscribeAsync("pattern", "auth.*");

        await client.SendAsync($$"""{"type":"auth","id":1,"token":"{{Token("auth.keep.*")}}"}""");
        var said = new[] { await client.ReadAsync(), await client.ReadAsync(), await client.ReadAsync() };

        said.Select(frame => ((string?)frame["type"], (string?)frame["code"], (string?)frame["channel"] ?? (string?)frame["pattern"])).Should().BeEquivalentTo(
            [("unsubscribed", "revoked", "auth.lose.a"), ("unsubscribed", "revoked", "auth.*"), ("authenticated", null, (string?)null)]);
        ((string?)said[2]["type"]).Should().Be("authenticated");
        await Redis.PublishAsync("auth.lose.a", "lost");
        await Redis.PublishAsync("auth.keep.a", "kept");
        ((string?)(await client.ReadAsync())["data"]).Should().Be("kept");
        (await client.AskAsync("""{"type":"subscribe","channel":"auth.lose.a"}""")).Bare().Should().Contain("\"forbidden\"");
    }

    /// <summary>
    /// A client that stayed connected would seem to work, and would miss its private messages. That was so for a client whose first token had expired, where
    /// anonymous access grants something.
    /// </summary>
    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_token_that_is_not_valid_closes_the_connection_with_4401_and_its_reason(Listen listen)
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, listen, settings: [.. TestToken.Settings, "Access:Anonymous:Subscribe:0=auth.open"]);
        foreach (var (token, reason) in new[]
        {
            ("a.b.c", "the token is malformed"),
            ("", "the token is malformed"),
            (TestToken.Of(DateTimeOffset.UtcNow.AddMinutes(-1), "*"), "the token has expired"),
            (TestToken.Sign(TestToken.Payload(DateTimeOffset.UtcNow.AddMinutes(1), "*"), sign: static _ => [1]), "the token is not signed with a key that this server knows"),
        })
        {
            await using var anonymous = await JsonClient.ConnectAsync(app);
            await using var renewing = await ConnectAsync(app, "auth.*");
            foreach (var client in new[] { anonymous, renewing })
            {
                await client.SubscribeAsync("channel", "auth.open");
                await client.SendAsync($$"""{"type":"auth","id":1,"token":"{{token}}"}""");
                // The client does not wait for the answer. The command must not count as one of the earlier caller.
                await client.SendAsync("""{"type":"subscribe","channel":"auth.open.2","id":2}""");
                var end = await client.Socket.ReadMessageAsync();

                (end.Opcode, end.CloseCode, end.CloseText).Should().Be((Frame.CloseOpcode, 4401, reason));
            }
        }
    }

    [Fact]
    public async Task An_auth_command_without_a_token_is_an_error_and_leaves_subscriptions_and_grants_unchanged()
    {
        await using var app = await StartAsync();
        await using var client = await ConnectAsync(app, "auth.*");
        await client.SubscribeAsync("channel", "auth.bad");

        foreach (var command in new[] { """{"type":"auth","id":1}""", """{"type":"auth","id":1,"token":7}""" })
        {
            var answer = await client.AskAsync(command);
            ((string?)answer["type"], (int?)answer["id"], (string?)answer["code"]).Should().Be(("error", 1, "invalid"));
        }

        await Redis.PublishAsync("auth.bad", "still there");
        ((string?)(await client.ReadAsync())["data"]).Should().Be("still there");
        (await client.AskAsync("""{"type":"subscribe","channel":"other"}""")).Bare().Should().Contain("\"forbidden\"");
    }

    /// <summary>
    /// Three names receive messages at full rate, on channels and on a pattern, both during recovery and live. One token revokes two of
    /// them, and the next one grants them again. After its "unsubscribed" frame a revoked name delivers nothing, and the remaining name
    /// misses no message.
    /// </summary>
    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_revoked_name_delivers_nothing_after_its_unsubscribed_frame_and_others_miss_nothing(Listen listen)
    {
        const int Rounds = 40;
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen, settings: [.. TestToken.Settings, "Limits:CommandBurst=10000"]);
        await using var client = await ConnectAsync(app, "auth.*");
        using var stop = new CancellationTokenSource();
        await client.SubscribeAsync("channel", "auth.stay.a");
        var wide = Token("auth.*");
        var narrow = Token("auth.stay.*");
        var publishing = Task.Run(async () =>
        {
            for (var n = 0; !stop.IsCancellationRequested; n++)
            {
                await Redis.PublishAllAsync("auth.stay.a", [n]);
                await Redis.PublishAllAsync("auth.go.a", Enumerable.Repeat<StackExchange.Redis.RedisValue>("x", 50));
            }
        });

        var subscribed = new HashSet<string>();
        var (next, ofRevoked, round) = (0, 0, 0);
        await client.SendAsync("""{"type":"subscribe","channel":"auth.go.a"}""");
        await client.SendAsync("""{"type":"subscribe","pattern":"auth.go.*","id":1}""");
        // Also waits for messages of the revoked names, because on a fast machine the rounds may end before any arrive.
        while (round < Rounds || ofRevoked <= Rounds)
        {
            var said = await client.ReadAsync();
            var name = (string?)said["pattern"] ?? (string?)said["channel"];
            switch ((string?)said["type"])
            {
                case "subscribed":
                    subscribed.Add(name!);
                    if (subscribed.Count == 2)
                        await client.SendAsync($$"""{"type":"auth","token":"{{narrow}}","id":"narrow"}""");
                    break;
                case "unsubscribed":
                    ((string?)said["code"]).Should().Be("revoked");
                    subscribed.Remove(name!).Should().BeTrue();
                    break;
                case "authenticated" when (string?)said["id"] == "narrow":
                    subscribed.Should().BeEmpty("every revoked name was reported before");
                    round++;
                    await client.SendAsync($$"""{"type":"auth","token":"{{wide}}","id":"wide"}""");
                    await client.SendAsync("""{"type":"subscribe","channel":"auth.go.a"}""");
                    await client.SendAsync("""{"type":"subscribe","pattern":"auth.go.*"}""");
                    break;
                case "message" when name == "auth.stay.a":
                    var number = int.Parse((string)said["data"]!, System.Globalization.CultureInfo.InvariantCulture);
                    next = next == 0 ? number : next;
                    number.Should().Be(next++, "round {0}", round);
                    break;
                case "message":
                    subscribed.Should().Contain(name, "round {0}", round);
                    ofRevoked++;
                    break;
            }
        }
        await stop.CancelAsync();
        await publishing;

        ofRevoked.Should().BeGreaterThan(Rounds, "the revoked names delivered messages while they were subscribed");
        app.Hub.CountSubscribers(Name.Pattern("auth.go.*")).Should().BeLessThanOrEqualTo(1);
    }

    [Fact]
    public async Task A_name_that_redis_has_not_confirmed_yet_is_revoked_too()
    {
        await using var redis = await RedisServer.CreateAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: TestToken.Settings);
        await using var client = await ConnectAsync(app, "auth.*");
        await client.SendAsync("""{"type":"subscribe","channel":"auth.away","id":1}""");

        await client.SendAsync($$"""{"type":"auth","id":2,"token":"{{Token("other")}}"}""");
        var (told, authenticated) = (await client.ReadAsync(), await client.ReadAsync());
        await redis.StartHostAsync();
        var answer = await client.ReadAsync();

        ((string?)told["type"], (string?)told["code"]).Should().Be(("unsubscribed", "revoked"));
        ((int?)authenticated["id"], (int?)answer["id"], (string?)answer["code"]).Should().Be((2, 1, "cancelled"));
        app.Hub.CountSubscribers(Name.Channel("auth.away")).Should().Be(0);
    }

    private Task<NotifierApp> StartAsync(params string[] settings) =>
        NotifierApp.StartAsync(Redis.Configuration, settings: [.. TestToken.Settings, .. settings]);

    private static Task<JsonClient> ConnectAsync(NotifierApp app, params string[] names) =>
        JsonClient.ConnectAsync(app, headers: $"Authorization: Bearer {Token(names)}\r\n");

    private static string Token(params string[] names) => TestToken.Of(DateTimeOffset.UtcNow.AddMinutes(5), names);
}
