using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Notifier.Connections;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Connections;

public sealed class CatchingUpTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    /// <summary>An unfinished pass must schedule another one, because no further message of a quiet name would start it.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(12)]
    public async Task Messages_that_the_transport_did_not_accept_are_sent_later_even_if_no_message_follows(int takes)
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration);
        var transport = new ScriptedTransport { Takes = length => Math.Min(length, takes) };
        var connection = new Connection(transport, PlainText.Format, static () => { }, TimeProvider.System, NullLogger.Instance);
        var subscription = new Subscription(Name.Channel("quiet"), app.Services.GetRequiredService<SubscriptionContext>());
        connection.Post(() => SubscriberExtensions.Join(new Subscriber(connection, subscription)));

        subscription.DeliverAndBroadcast(Enumerable.Range(0, 50).Select(n => Message.Create(null, [(byte)'a', (byte)('0' + n)])).ToArray());

        await Eventually.IsAsync(() => transport.Taken.Length == 50 * 4, "every message was sent");
        transport.Taken.Chunk(4).Select(frame => frame[3] - '0').Should().Equal(Enumerable.Range(0, 50));
    }
}
