using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.History.Durable;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>A publisher is charged once for a new channel, and again when Redis may have forgotten it.</summary>
public sealed class KnownChannelsTests
{
    private readonly FakeTimeProvider time = new();

    [Fact]
    public void A_channel_is_known_for_half_of_the_lifetime_at_least_and_for_the_lifetime_at_most()
    {
        var channels = new KnownChannels(TimeSpan.FromMinutes(10), time);
        channels.Add("a");

        channels.Contains("a").Should().BeTrue();
        channels.Contains("b").Should().BeFalse();
        time.Advance(TimeSpan.FromMinutes(6));
        channels.Contains("a").Should().BeTrue();
        channels.Add("b");
        time.Advance(TimeSpan.FromMinutes(5));
        channels.Contains("a").Should().BeFalse();
        channels.Contains("b").Should().BeTrue();
        time.Advance(TimeSpan.FromMinutes(20));
        channels.Contains("b").Should().BeFalse();
    }

    [Fact]
    public void Too_many_channels_make_the_earlier_ones_unknown()
    {
        var channels = new KnownChannels(TimeSpan.FromMinutes(10), time);
        channels.Add("first");
        for (var n = 0; n < KnownChannels.MaxChannels; n++)
            channels.Add($"{n}");
        channels.Contains("first").Should().BeTrue();

        for (var n = 0; n <= KnownChannels.MaxChannels; n++)
            channels.Add($"more {n}");

        channels.Contains("first").Should().BeFalse();
        channels.Contains("more 7").Should().BeTrue();
    }
}
