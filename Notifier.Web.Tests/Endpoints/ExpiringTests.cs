using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using Notifier.Access;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>
/// A client is asked to renew its access at a fraction of the time that is left. With a fixed time before the end, tokens of a minute or less made each page
/// request a token every second.
/// </summary>
public sealed class ExpiringTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private static readonly DateTimeOffset Start = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(3_600, 3_540)]
    [InlineData(300, 240)]
    [InlineData(180, 120)]
    [InlineData(90, 60)]
    [InlineData(60, 40)]
    [InlineData(45, 30)]
    [InlineData(30, 20)]
    [InlineData(27, 20)]
    [InlineData(25, 20)]
    [InlineData(20, 15)]
    [InlineData(10, 5)]
    [InlineData(6, 3)]
    public void Access_is_renewed_at_two_thirds_of_its_time_but_at_most_every_20_seconds_and_a_minute_before_its_end(int lifetime, int noticeAfter)
    {
        var transport = new ScriptedTransport();
        var connection = new Connection(transport, NotifierV1.Format, static () => { }, TimeProvider.System, NullLogger.Instance);
        var access = new ConnectionAccess(Until(Start.AddSeconds(lifetime)), Start);

        Liveness.Enforce(connection, access, Start.AddSeconds(noticeAfter - 1));
        transport.Taken.Should().BeEmpty();
        Liveness.Enforce(connection, access, Start.AddSeconds(noticeAfter));

        transport.Taken[2..].Should().Equal(System.Text.Encoding.ASCII.GetBytes($$"""{"type":"expiring","in":{{lifetime - noticeAfter}}}"""));
    }

    [Theory]
    [InlineData(45, 30)]
    [InlineData(25, 20)]
    public async Task A_websocket_with_short_tokens_is_asked_for_one_renewal_per_token(int lifetime, int every)
    {
        await using var app = await SweptApp.StartAsync(Redis.Configuration, Listen.Plain, TestToken.Settings);
        await using var client = await JsonClient.ConnectAsync(app.App);
        await client.AuthenticateAsync(Token(app, lifetime));
        await app.WhenThereAreAsync(1);
        var notices = new List<string>();

        for (var renewals = 0; renewals < 3; renewals++)
        {
            await app.AdvanceAsync(every, () => app.HearAsync(() => client.Socket.SendAsync(Frame.PongOpcode, [])));
            notices.Add((await client.ReadAsync()).Bare());
            await client.AuthenticateAsync(Token(app, lifetime));
        }

        notices.Should().AllBe($$"""{"type":"expiring","in":{{lifetime - every}}}""");
    }

    [Fact]
    public async Task An_event_stream_with_short_tokens_is_asked_for_one_renewal_per_token()
    {
        await using var app = await SweptApp.StartAsync(Redis.Configuration, Listen.Plain, [.. TestToken.Settings, "Access:Tokens:AllowTokenInQuery=true"]);
        var notices = new List<string>();

        for (var renewals = 0; renewals < 3; renewals++)
        {
            using (var stream = await EventClient.ListenAsync(app.App, "?channel=expiring.x", headers: ("Authorization", $"Bearer {Token(app, 45)}")))
            {
                await app.WhenThereAreAsync(1);
                await app.AdvanceAsync(30);
                notices.Add((await stream.NextAsync()).Bare());
            }
            await app.WhenThereAreAsync(0);
        }

        notices.Should().AllBe("""{"type":"expiring","in":15}""");
    }

    private static string Token(SweptApp app, int seconds) => TestToken.Of(app.Now.AddSeconds(seconds), "expiring.*");

    private static Caller Until(DateTimeOffset end) => new(Grant.Everything, Grant.Everything) { ExpiresAt = end, DisconnectionsBefore = Caller.WithoutSubject };
}
