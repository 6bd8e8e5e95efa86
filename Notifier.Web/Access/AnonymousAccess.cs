using Microsoft.Extensions.Options;
using Notifier.Messages;

namespace Notifier.Access;

/// <summary>What visitors may have who say nothing about themselves: as configured, else everything in Development and nothing in Production.</summary>
internal sealed class AnonymousAccess(IOptions<AccessOptions> options, IHostEnvironment environment)
{
    public const string SubscribeKey = "Access:Anonymous:Subscribe";

    public Grant Subscribe { get; } = Of(options.Value.Anonymous.Subscribe, environment, SubscribeKey);

    public Grant Publish { get; } = Of(options.Value.Anonymous.Publish, environment, "Access:Anonymous:Publish");

    /// <summary>Everything is open, and nobody has said so.</summary>
    public bool IsOpenByDefault => environment.IsDevelopment() && options.Value.Anonymous.Subscribe is null;

    private static Grant Of(string[]? names, IHostEnvironment environment, string key)
    {
        if (names is null && environment.IsDevelopment())
            return Grant.Everything;
        return new Grant((names ?? []).Select(Name.Parse), $"nothing is open here to anonymous visitors: set {key}");
    }
}
