using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Redis;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>
/// The last unsubscribe of a name and its next subscribe must not be on their way together: now and then, and in no test that only tries often,
/// the library leaves the name deaf. So the order itself is looked at, while Redis hangs in the middle of it.
/// </summary>
public sealed class ReceptionsTests
{
    [Theory]
    [InlineData("order.a", null)]
    [InlineData("order.*", null)]
    [InlineData("order.b", "order.*")]
    public async Task A_name_that_is_wanted_again_while_it_leaves_is_asked_for_only_when_it_has_left(string text, string? coverText)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        var traits = app.Services.GetRequiredService<SubscriptionTraits>();
        var predecessors = new List<Task>();
        var receptions = new Receptions(Receive, traits);
        var name = Name.Parse(text);
        Name? cover = coverText is null ? null : Name.Parse(coverText);
        var first = new Subscription(name, traits);
        var reception = receptions.Open(first, cover);
        (await reception.Live).Should().BeNull();

        await redis.FreezeAsync();
        receptions.Leave(first, reception);
        var again = receptions.Open(new Subscription(name, traits), cover);
        predecessors[1].IsCompleted.Should().BeFalse("Redis has not confirmed that the name has left");
        again.Live.IsCompleted.Should().BeFalse();

        await redis.ThawAsync();
        (await again.Live.WaitAsync(Eventually.Limit)).Should().BeNull();
        predecessors[1].IsCompletedSuccessfully.Should().BeTrue();
        (await redis.PublishAsync("order.a", "")).Should().Be(1);
        await again.Leave();

        Reception Receive(Intake intake, Task predecessor)
        {
            predecessors.Add(predecessor);
            return new(
                intake,
                after => new(
                    app.Services.GetRequiredService<RedisBackplane>(), app.Services.GetRequiredService<RedisNames>().ToRedis(intake.Name), intake.Name, after,
                    intake.ReceiveAsync, NullLogger.Instance),
                predecessor,
                static (_, _) => { });
        }
    }
}
